//! `evbus demo`

use crate::{
    broker::Broker,
    commands::{Context, Outcome},
    exit::Exit,
    ops::demo,
    settings::Settings,
    views,
};

/// Tell the whole story on an example bus, in a sandbox
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub async fn run(_: &Args, context: &mut Context) -> Outcome {
    let request = demo::Request {
        server: context.settings.rabbitmq_server(),
        program: context.settings.program()?,
        width: context.terminal.width(),
    };
    let settings = &context.settings;
    let connect = |sandbox: &crate::sandbox::Sandbox| {
        Broker::new(Settings::endpoint_of_sandbox(settings.timeout(), sandbox.amqp_port(), sandbox.management_port()))
    };
    let mut closed = None;
    let outcome = demo::run(request, &connect, &context.interrupt, |event| {
        if closed.is_none() {
            closed = views::demo::event(&mut context.terminal, &event).err();
        }
    })
    .await;
    if let Some(closed) = closed {
        return Err(closed.into());
    }
    outcome?;
    Ok(Exit::Done)
}
