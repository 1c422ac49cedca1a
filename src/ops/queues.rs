//! Depths, consumers and rates of queues: what is true now, and what is not known said as such.
//!
//! Measured with 10,000 queues: the broker computes every queue's depth for each page of a list, so that a list of depths is asked
//! for whole, with the few columns that are needed; statistics are read page by page, several at a time.

pub mod limits;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};

use self::limits::{Limits, Reviewed, Seen};
use super::dlq::routes;
use crate::broker::{
    Broker, Error, Passive,
    management::{Columns, Consumer, QueueInfo},
};

/// What is asked.
pub struct Request {
    /// Names that contain this, or match it where it has `*`.
    pub filter: Option<String>,
    /// Every virtual host we may see.
    pub all_vhosts: bool,
    /// Rates too: they are up to seconds old.
    pub rates: bool,
    /// What bounds them too, with rates.
    pub limits: bool,
    /// What a file says is too much, where limits are asked for.
    pub reviewed: Option<Reviewed>,
    /// What the list is sorted by.
    pub sort: Sort,
}

/// What a list of queues can be sorted by: names up, counts and rates down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// By virtual host and name.
    Name,
    /// By messages ready.
    Ready,
    /// By messages held by consumers.
    Unacked,
    /// By all messages.
    Total,
    /// By consumers.
    Consumers,
    /// By messages that come in.
    In,
    /// By messages that go out.
    Out,
}

/// One queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its virtual host.
    pub vhost: String,
    /// Its type.
    pub kind: Option<String>,
    /// Messages ready to be delivered.
    pub ready: Option<u64>,
    /// Messages that consumers hold.
    pub unacked: Option<u64>,
    /// All messages.
    pub total: Option<u64>,
    /// Consumers.
    pub consumers: Option<u64>,
    /// Messages per second that came in lately.
    pub in_rate: Option<f64>,
    /// Messages per second that went out lately.
    pub out_rate: Option<f64>,
    /// Whether other queues send their dead letters here.
    pub dead_letter_queue: Option<bool>,
    /// `running`, or what is wrong with it.
    pub state: Option<String>,
    /// What bounds it, where that was asked for.
    pub limits: Option<Limits>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// When the depths were true.
    pub sampled_at: jiff::Timestamp,
    /// Sorted.
    pub queues: Vec<Queue>,
    /// The name nearest to a filter that fits none.
    pub nearest: Option<String>,
}

/// Pages of statistics that are asked for at the same time.
const AT_ONCE: usize = 4;

/// Lists them.
///
/// # Errors
/// When the management API cannot be asked.
pub async fn run(broker: &Broker, request: &Request) -> Result<Report, Error> {
    let vhost = (!request.all_vhosts).then(|| broker.vhost());
    let sampled_at = jiff::Timestamp::now();
    let management = broker.management();
    let (totals, consumers) = tokio::join!(totals(broker, vhost, |_| true), management.consumers(vhost));
    let mut totals = totals?;
    // Where nobody may list consumers, or they are not collected, their number is not known.
    let consumers = consumers.ok().map(count);
    let seen = if request.limits { Some(seen(broker, &totals).await?) } else { None };
    let sampled = if request.rates && seen.is_none() { statistics(broker, vhost).await? } else { HashMap::new() };
    let rates = seen.as_ref().map_or(&sampled, |seen| &seen.queues);
    let marks = marks(broker, &mut totals).await;
    let nearest = match &request.filter {
        Some(filter) if !totals.iter().any(|queue| fits(filter, &queue.name)) => {
            crate::nearest::among(filter, totals.iter().map(|queue| queue.name.as_str())).map(str::to_owned)
        }
        _ => None,
    };
    let mut queues: Vec<Queue> = totals
        .into_iter()
        .filter(|queue| request.filter.as_ref().is_none_or(|filter| fits(filter, &queue.name)))
        .map(|queue| {
            let is_down = queue.is_down();
            let marked = marks.get(&queue.vhost).map(|owners| owners.contains_key(&queue.name));
            let place = (queue.vhost, queue.name);
            let statistics = rates.get(&place);
            Queue {
                kind: queue.kind,
                ready: queue.ready,
                unacked: queue.unacked,
                total: queue.total,
                consumers: consumers
                    .as_ref()
                    .filter(|_| !is_down)
                    .map(|counts| counts.get(&place).copied().unwrap_or(0)),
                in_rate: statistics.and_then(QueueInfo::in_rate),
                out_rate: statistics.and_then(QueueInfo::out_rate),
                dead_letter_queue: marked,
                state: queue.state,
                limits: None,
                vhost: place.0,
                name: place.1,
            }
        })
        .collect();
    if let Some(seen) = &seen {
        for queue in &mut queues {
            queue.limits = Some(seen.limits(queue, request.reviewed.as_ref()));
        }
    }
    sort(&mut queues, request.sort);
    Ok(Report { sampled_at, queues, nearest })
}

/// Those queues with the depths of now. Of one that cannot be used no depth is known.
///
/// Broker facts (measured on 3.10, 4.0 and 4.3): the list of totals leaves out a classic queue whose node is down, on 3.10 also quorum queues
/// that have lost a node; what a quorum queue without most of its nodes says of its depth is not so, and 3.10 calls it running.
pub(super) async fn totals(
    broker: &Broker,
    vhost: Option<&str>,
    which: impl Fn(&QueueInfo) -> bool,
) -> Result<Vec<QueueInfo>, Error> {
    let listed = broker.management().queue_list(vhost, Columns::Totals);
    let (mut totals, all) = tokio::try_join!(listed, all_of_a_cluster_with_nodes_down(broker, vhost))?;
    if let Some(all) = all {
        totals = with_left_out(totals, all);
    }
    totals.retain(which);
    correct(broker, &mut totals).await;
    Ok(totals)
}

/// All queues by their definitions where not all nodes run; nothing where they do.
async fn all_of_a_cluster_with_nodes_down(
    broker: &Broker,
    vhost: Option<&str>,
) -> Result<Option<Vec<QueueInfo>>, Error> {
    let management = broker.management();
    // Who may not ask for the nodes asks for the queues: with thousands of them that takes longer.
    if management.nodes().await.is_ok_and(|nodes| nodes.iter().all(|node| node.running == Some(true))) {
        return Ok(None);
    }
    management.queue_list(vhost, Columns::Definitions).await.map(Some)
}

/// Those totals, with the queues that are left out there and without the depths that are not so.
fn with_left_out(totals: Vec<QueueInfo>, all: Vec<QueueInfo>) -> Vec<QueueInfo> {
    let mut totals: HashMap<(String, String), QueueInfo> =
        totals.into_iter().map(|queue| ((queue.vhost.clone(), queue.name.clone()), queue)).collect();
    all.into_iter()
        .map(|queue| {
            let listed = totals.remove(&(queue.vhost.clone(), queue.name.clone()));
            let (is_down, is_without_leader) = (queue.is_down(), queue.is_without_leader());
            if !is_down && !is_without_leader {
                return listed.unwrap_or(queue);
            }
            let told = |state: &String| !is_down || !matches!(state.as_str(), "running" | "live");
            let state = queue.state.filter(told).or_else(|| is_down.then(|| "minority".to_owned()));
            QueueInfo { state, ready: None, unacked: None, total: None, ..queue }
        })
        .collect()
}

/// Puts right what the list tells of quorum queues and streams.
///
/// Broker fact (measured on 3.10, 4.0 and 4.3): the totals of classic queues are those of the moment, the totals of quorum queues
/// those of the last sample, up to five seconds ago. A passive declaration tells how many are ready now. Where it agrees with the sample, the
/// rest of the sample is believed; where it does not, what is held is not known.
async fn correct(broker: &Broker, queues: &mut [QueueInfo]) {
    let mut by_vhost: BTreeMap<String, Vec<&mut QueueInfo>> = BTreeMap::new();
    let is_unsure = |queue: &&mut QueueInfo| queue.kind.as_deref() != Some("classic") || queue.ready.is_none();
    let can_say = |queue: &&mut QueueInfo| !queue.is_down() && !queue.is_without_leader();
    for queue in queues.iter_mut().filter(is_unsure).filter(can_say) {
        by_vhost.entry(queue.vhost.clone()).or_default().push(queue);
    }
    for (vhost, mut queues) in by_vhost {
        let names: Vec<String> = queues.iter().map(|queue| queue.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = look_up(&broker.at_vhost(&vhost), &names).await.unwrap_or_default();
        for queue in &mut queues {
            let now = found.get(&queue.name).map(|passive| u64::from(passive.ready));
            if now.is_none() || now != queue.ready {
                (queue.ready, queue.unacked, queue.total) = (now, None, None);
            }
        }
    }
}

/// What the queues themselves say, as it is now.
pub(super) async fn look_up(broker: &Broker, names: &[&str]) -> Result<HashMap<String, Passive>, Error> {
    let connection = broker.connect("evbus queues").await?;
    let found = connection.look_up_all(names).await;
    connection.close().await;
    found
}

async fn seen(broker: &Broker, queues: &[QueueInfo]) -> Result<Seen, Error> {
    let vhosts: BTreeSet<&str> = queues.iter().map(|queue| queue.vhost.as_str()).collect();
    Seen::ask(broker, &vhosts).await
}

fn count(consumers: Vec<Consumer>) -> HashMap<(String, String), u64> {
    let mut counts = HashMap::new();
    for Consumer { queue } in consumers {
        *counts.entry((queue.vhost, queue.name)).or_default() += 1;
    }
    counts
}

/// Which queues are dead letter queues, by virtual host; one that could not be asked about is missing.
async fn marks(broker: &Broker, queues: &mut [QueueInfo]) -> HashMap<String, routes::Owners> {
    // Side by side, and not copied: there can be ten thousand.
    queues.sort_by(|a, b| a.vhost.cmp(&b.vhost));
    let mut marks = HashMap::new();
    for queues in queues.chunk_by(|a, b| a.vhost == b.vhost) {
        let vhost = queues[0].vhost.as_str();
        let owners = if by_policy(broker, vhost).await {
            let Ok(known) = broker.management().queue_statistics(vhost).await else { continue };
            routes::owners(broker, vhost, &known).await
        } else {
            routes::owners(broker, vhost, queues).await
        };
        if let Ok(owners) = owners {
            marks.insert(vhost.to_owned(), owners);
        }
    }
    marks
}

/// Whether a policy may send dead letters somewhere; where policies may not be read, one may.
async fn by_policy(broker: &Broker, vhost: &str) -> bool {
    let policies = broker.management().policies(vhost).await;
    policies.map_or(true, |all| all.iter().any(|policy| policy.definition.contains_key("dead-letter-exchange")))
}

async fn statistics(broker: &Broker, vhost: Option<&str>) -> Result<HashMap<(String, String), QueueInfo>, Error> {
    let management = broker.management();
    let first = management.queue_page(vhost, Columns::Statistics, 1).await?;
    let rest: Vec<_> = stream::iter(2..=first.pages)
        .map(|page| management.queue_page(vhost, Columns::Statistics, page))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let all = std::iter::once(first).chain(rest).flat_map(|page| page.queues);
    Ok(all.map(|queue| ((queue.vhost.clone(), queue.name.clone()), queue)).collect())
}

/// Whether a name fits a filter: it contains it, or matches it as a whole where it has `*` or `?`.
fn fits(filter: &str, name: &str) -> bool {
    fn glob(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|skip| glob(rest, &name[skip..])),
            Some(('?', rest)) => !name.is_empty() && glob(rest, &name[1..]),
            Some((c, rest)) => name.first() == Some(c) && glob(rest, &name[1..]),
        }
    }
    if !filter.contains(['*', '?']) {
        return name.contains(filter);
    }
    glob(&filter.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

fn sort(queues: &mut [Queue], by: Sort) {
    queues.sort_by(|a, b| {
        // Unknown sorts below every number.
        let larger = match by {
            Sort::Name => std::cmp::Ordering::Equal,
            Sort::Ready => b.ready.cmp(&a.ready),
            Sort::Unacked => b.unacked.cmp(&a.unacked),
            Sort::Total => b.total.cmp(&a.total),
            Sort::Consumers => b.consumers.cmp(&a.consumers),
            Sort::In => b.in_rate.unwrap_or(-1.0).total_cmp(&a.in_rate.unwrap_or(-1.0)),
            Sort::Out => b.out_rate.unwrap_or(-1.0).total_cmp(&a.out_rate.unwrap_or(-1.0)),
        };
        larger.then_with(|| (&a.vhost, &a.name).cmp(&(&b.vhost, &b.name)))
    });
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_filter_is_a_part_of_a_name_or_a_pattern_for_all_of_it() {
        assert!(fits("serv", "customer-service") && !fits("serv", "orders"));
        assert!(fits("*.dlq", "a.dlq") && !fits("*.dlq", "a.dlq.old") && fits("q?", "q1") && !fits("q?", "q"));
    }
}
