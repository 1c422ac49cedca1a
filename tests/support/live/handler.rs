//! A consumer in the background.

use lapin::{
    options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions},
    types::{FieldTable, ShortString},
};

use super::Live;

/// What a consumer does with what it gets.
#[derive(Debug, Clone, Copy)]
pub enum Handler {
    /// Everything succeeds.
    Takes,
    /// Everything fails, and is dead-lettered.
    Rejects,
}

impl Live {
    /// Handles what comes to a queue from now on, as long as the test lasts.
    pub fn handle(&self, queue: &str, handler: Handler) {
        let mut deliveries = self.wait(async {
            let channel = self.connection.create_channel().await.expect("a channel");
            let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
            channel.basic_consume(ShortString::from(queue), "".into(), options, arguments).await.expect("a consumer")
        });
        self.runtime.spawn(async move {
            while let Some(Ok(delivery)) = futures_util::StreamExt::next(&mut deliveries).await {
                let handled = match handler {
                    Handler::Takes => delivery.ack(BasicAckOptions::default()).await,
                    Handler::Rejects => delivery.nack(BasicNackOptions { multiple: false, requeue: false }).await,
                };
                // The test and its connection may have ended.
                if handled.is_err() {
                    break;
                }
            }
        });
    }
}
