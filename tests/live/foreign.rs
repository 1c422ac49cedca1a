//! Foreign text on a terminal: names of queues and ids of messages are as much somebody else's as bodies are.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
};

use lapin::options::BasicPublishOptions;
use serde_json::json;

use crate::support::live::{Live, broker, dial, numbered};

/// Clears the screen, sets a title, rings, colours: in text of seven and of eight bits.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m";

/// Everything that a terminal gets of that command.
fn on_a_terminal(live: &Live, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(crate::support::run::program());
    command
        .args(arguments)
        .args(["--color", "never"])
        .env_clear()
        .env("TERM", "xterm")
        .env("EVBUS_STATE_DIR", crate::support::run::STATE);
    command.env("EVBUS_URL", live.url()).env("EVBUS_MANAGEMENT_URL", live.management_url());
    let mut session = rexpect::session::spawn_command(command, Some(60_000)).expect("a terminal");
    session.exp_eof().expect("it ends")
}

#[test]
fn names_and_ids_reach_no_terminal_raw() {
    let Some(live) = broker("foreign") else { return };
    let (work, dead) = (format!("work{EVIL}"), format!("dead{EVIL}"));
    let to_dead = [("x-dead-letter-exchange", json!("")), ("x-dead-letter-routing-key", json!(dead))];
    live.queue(&work, &to_dead);
    live.queue(&dead, &[]);
    live.publish(&dead, [(numbered(0).with_message_id(EVIL.into()).with_type(EVIL.into()), EVIL.as_bytes().to_vec())]);
    for command in [
        &["queues"][..],
        &["dlq", "list"],
        &["dlq", "show", &dead],
        &["dlq", "show", "none\u{1b}[2J"],
        &["dlq", "replay", &dead, "--dry-run"],
        &["dlq", "replay", &dead, "--to", &format!("queue:{EVIL}"), "--yes"],
        &["dlq", "purge", &dead, "--dry-run"],
        &["publish", "--exchange", "", "--key", EVIL, "--data", "{}"],
    ] {
        let shown = on_a_terminal(&live, command);
        for raw in ["\u{1b}[2J", "\u{1b}]0", "\u{7}", "\u{9b}"] {
            assert!(!shown.contains(raw), "{raw:?} reached the terminal: {command:?} {shown:?}");
        }
        assert!(shown.contains("\\u{1b}[2J"), "{command:?}: {shown:?}");
    }
}

/// An address under which the broker gets bytes that are no UTF-8 where a client writes `NO-UTF8`.
fn garbling(live: &Live) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let server = live.server_url().rsplit('@').next().expect("an address").to_owned();
    std::thread::spawn(move || -> std::io::Result<()> {
        let (client, _) = listener.accept()?;
        let mut broker = TcpStream::connect(server)?;
        let (mut answers, mut to_client) = (broker.try_clone()?, client.try_clone()?);
        std::thread::spawn(move || std::io::copy(&mut answers, &mut to_client));
        let mut client = BufReader::new(client);
        let mut hello = [0; 8];
        client.read_exact(&mut hello)?;
        broker.write_all(&hello)?;
        // Every frame ends with this byte: none of them stays here, and no text is cut.
        let mut piece = Vec::new();
        while client.read_until(0xce, &mut piece)? > 0 {
            if let Some(at) = piece.windows(7).position(|window| window == b"NO-UTF8") {
                piece[at..at + 7].fill(0xff);
            }
            broker.write_all(&piece)?;
            piece.clear();
        }
        Ok(())
    });
    format!("amqp://guest:guest@127.0.0.1:{port}")
}

#[test]
fn what_is_not_text_is_told_and_stays() {
    let Some(live) = broker("not-text") else { return };
    live.queue("dead", &[]);
    live.fill("dead", 1);
    let address = garbling(&live);
    live.wait(async {
        let connection = dial(&address, &live.vhost).await;
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await.expect("confirms");
        let properties = numbered(1).with_correlation_id("NO-UTF8".into());
        let sending =
            channel.basic_publish("".into(), "dead".into(), BasicPublishOptions::default(), b"{}", properties);
        sending.await.expect("it is sent").await.expect("it is confirmed");
    });
    for command in [&["dlq", "show", "dead"][..], &["dlq", "replay", "dead", "--to", "queue:dead", "--yes"]] {
        let done = live.evbus(command).done();
        assert!([Some(1), Some(3)].contains(&done.code()), "{}", done.whole());
        assert!(done.err().contains("not UTF-8"), "{}", done.whole());
        assert!(done.err().contains("is still there"), "{}", done.whole());
        live.until("both are still there", || live.ready("dead") == 2);
    }
}
