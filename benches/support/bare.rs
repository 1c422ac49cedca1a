//! The least that a program can do with lapin: to read a queue, and to move one with the same safety as evbus. What evbus is measured by.

use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::{
    Confirmation,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions,
    },
    types::{FieldTable, ShortString},
};

use super::{
    broker::{Broker, Taken, dial, work},
    figures::Failure,
};

/// As many deliveries unsettled, and as many messages on their way.
const WINDOW: u16 = 2000;
/// How many are acknowledged with one frame.
const TOGETHER: u64 = 250;

/// Reads so many messages of a queue and gives them back.
///
/// # Errors
/// When they do not come.
#[allow(dead_code, reason = "each benchmark uses a part of it")]
pub async fn read(broker: &Broker, queue: &str, messages: usize) -> Result<Duration, Failure> {
    let began = Instant::now();
    let channel = dial(&broker.url).await?;
    // Zero is no bound on a classic queue, and 2,000 on a quorum queue: all of them must fit, for none is settled before the end.
    channel.basic_qos(u16::MAX, BasicQosOptions::default()).await?;
    let mut read = 0;
    let mut consumers = Vec::new();
    while read < messages {
        let tag = ShortString::try_new(format!("bare-{}", consumers.len()))?;
        let options = BasicConsumeOptions::default();
        let mut consumer =
            channel.basic_consume(ShortString::try_new(queue)?, tag, options, FieldTable::default()).await?;
        let wanted = messages.min(read + usize::from(u16::MAX));
        while read < wanted {
            consumer.next().await.ok_or("the consumer ended")??;
            read += 1;
        }
        consumers.push(consumer);
    }
    channel.basic_nack(0, BasicNackOptions { multiple: true, requeue: true }).await?;
    channel.close(200, "done".into()).await?;
    Ok(began.elapsed())
}

/// Moves so many messages from one queue to another: published mandatory and confirmed on a connection of their own, known not to have
/// been returned, and then acknowledged.
///
/// # Errors
/// When one is returned or refused.
#[allow(dead_code, reason = "each benchmark uses a part of it")]
pub async fn shift(broker: &Broker, from: &str, to: &str, messages: usize) -> Result<Taken, Failure> {
    let (began, before) = (Instant::now(), own_work()?);
    let (consuming, publishing) = (dial(&broker.url).await?, dial(&broker.url).await?);
    consuming.basic_qos(WINDOW, BasicQosOptions::default()).await?;
    publishing.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut consumer =
        consuming.basic_consume(ShortString::try_new(from)?, "bare".into(), options, FieldTable::default()).await?;
    // All up to `safe` are confirmed; tags count from 1.
    let (mut moved, mut safe, mut acknowledged) = (0_u64, 0_u64, 0_u64);
    let target = ShortString::try_new(to)?;
    let mut under_way = FuturesUnordered::new();
    let mut done = std::collections::BTreeSet::new();
    let all = messages as u64;
    while acknowledged < all {
        tokio::select! {
            Some(delivery) = consumer.next(), if moved < all && under_way.len() < usize::from(WINDOW) => {
                let delivery = delivery?;
                moved += 1;
                let (publishing, target) = (&publishing, target.clone());
                let sending = async move {
                    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                    let (body, properties) = (delivery.data, delivery.properties);
                    let confirmed = publishing.basic_publish("".into(), target, options, &body, properties).await?.await?;
                    Ok::<_, lapin::Error>((delivery.delivery_tag, confirmed))
                };
                under_way.push(sending.boxed());
            }
            Some(sent) = under_way.next() => match sent? {
                // Which message a return belongs to is not certain: here none may come.
                (tag, Confirmation::Ack(None)) => {
                    done.insert(tag);
                    while done.remove(&(safe + 1)) {
                        safe += 1;
                    }
                    if safe - acknowledged >= TOGETHER || safe == all {
                        consuming.basic_ack(safe, BasicAckOptions { multiple: true }).await?;
                        acknowledged = safe;
                    }
                }
                (tag, other) => return Err(format!("message {tag}: {other:?}").into()),
            },
        }
    }
    consuming.close(200, "done".into()).await?;
    Ok(Taken { time: began.elapsed(), memory: 0.0, work: own_work()? - before })
}

fn own_work() -> Result<f64, Failure> {
    Ok(work("/proc/self/stat").ok_or("/proc tells nothing of this process")?)
}
