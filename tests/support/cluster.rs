//! Three brokers that are one.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use evbus::sandbox;
use reqwest::Method;
use serde_json::Value;

use super::{
    live::{Live, broker, options},
    own::Own,
    run::Run,
};

/// How many nodes a cluster has.
const NODES: usize = 3;

/// How long nodes may take to come or to be missed. A loaded machine needs a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// Three nodes that are one broker. All of it goes when this is dropped.
pub struct Cluster {
    nodes: Vec<Own>,
}

/// A cluster for the test of that name, or nothing, said aloud.
///
/// # Panics
/// When a server program is here and does not make one.
pub fn cluster(test: &str) -> Option<Cluster> {
    // Where no broker is wanted or possible that one says so.
    drop(broker(test)?);
    let Some(server) = options().server.or_else(sandbox::find) else {
        eprintln!("SKIPPED {test}: a broker is there, but no server program to start a cluster with");
        return None;
    };
    // In /tmp, which launchers that change their root see as well.
    let made = tempfile::tempdir_in("/tmp").expect("a folder");
    let mapper = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    // One after the other: those that start at the same time wait for each other, and do not always become one (3.10).
    let mut cluster = Cluster { nodes: Vec::new() };
    for node in 0..NODES {
        let starter = starter(made.path(), &server, node, mapper.port());
        cluster.nodes.push(Own::start(server.clone(), Some(starter)));
    }
    Some(cluster)
}

/// A program that makes a node of a sandbox, and then becomes its server. The sandbox's environment is changed too: by it the
/// server is started again, and the port mapper found that has to end.
fn starter(folder: &Path, server: &Path, node: usize, mapper: u16) -> PathBuf {
    let program = folder.join(format!("node-{node}"));
    let mut peers = vec![0, node];
    peers.dedup();
    let peers: String = peers
        .iter()
        .map(|peer| format!("cluster_formation.classic_config.nodes.{} = n{peer}@localhost\n", peer + 1))
        .collect();
    let text = format!(
        r#"#!/bin/sh
set -e
rm -f .erlang.cookie
printf evbus-tests >.erlang.cookie
chmod 400 .erlang.cookie
cat >>"$RABBITMQ_CONFIG_FILE" <<LINES
cluster_formation.peer_discovery_backend = classic_config
{peers}LINES
export RABBITMQ_NODENAME=n{node}@localhost ERL_EPMD_PORT={mapper}
sed -e "s/^RABBITMQ_NODENAME=.*/RABBITMQ_NODENAME=$RABBITMQ_NODENAME/" -e "s/^ERL_EPMD_PORT=.*/ERL_EPMD_PORT={mapper}/" environment >changed
mv changed environment
exec {server} "$@"
"#,
        server = server.display(),
    );
    fs::write(&program, text).expect("the program is written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
    program
}

impl Cluster {
    /// A virtual host of the cluster, spoken to over the first node.
    pub fn live(&self, test: &str) -> Live {
        let first = &self.nodes[0];
        let live = Live::at(&first.url(), &first.management_url(), test).fleeting();
        has_running(&live, NODES);
        // Broker fact (3.10): each node starts a new virtual host on its own, and refuses connections to it until then. One that has
        // just joined may never learn of it, and does when it is told.
        let of_vhost = format!("vhosts/{}", live.vhost);
        live.until("each node has the virtual host", || {
            let states = live.api(Method::GET, &of_vhost, None)["cluster_state"].clone();
            let states = states.as_object().cloned().unwrap_or_default();
            let missing: Vec<_> = (0..NODES)
                .map(|node| format!("n{node}@localhost"))
                .filter(|node| states.get(node).is_none_or(|state| state != "running"))
                .collect();
            for node in &missing {
                live.api(Method::POST, &format!("{of_vhost}/start/{node}"), None);
            }
            missing.is_empty()
        });
        live
    }

    /// The run, sent to another node than the first.
    pub fn at(&self, node: usize, live: &Live, run: Run) -> Run {
        let node = &self.nodes[node];
        let url = live.url().replacen(live.server_url(), &node.url(), 1);
        run.env("EVBUS_URL", url).env("EVBUS_MANAGEMENT_URL", node.management_url())
    }

    /// Kills a node as a crash would.
    pub fn crash(&mut self, node: usize) {
        self.nodes[node].crash();
    }

    /// Starts a node that has crashed.
    pub fn start_again(&mut self, node: usize) {
        self.nodes[node].start_again();
    }
}

/// Waits until so many nodes run, as the one sees it that is spoken to.
///
/// # Panics
/// When it never does.
pub fn has_running(live: &Live, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let nodes = live.api(Method::GET, "nodes", None);
        let running = nodes.as_array().into_iter().flatten().filter(|node| node["running"] == Value::Bool(true));
        let running = running.count();
        if running == count {
            return;
        }
        assert!(Instant::now() < deadline, "{running} nodes run where {count} should: {nodes}");
        thread::sleep(Duration::from_millis(100));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The port mapper ends when no node needs it any more: none may run when the first one is cleared up behind.
        self.nodes.iter_mut().for_each(Own::end);
    }
}
