//! Each way in which a broker cannot be reached is an error of its own, with what to do about it.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use serde_json::Value;

use crate::support::run::{Done, evbus};

/// Somebody at a port of this machine who says these bytes to whoever comes, and what each said first.
struct Peer {
    port: u16,
    heard: Receiver<Vec<u8>>,
}

fn peer(answer: &'static [u8]) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = vec![0; 4096];
            let length = stream.read(&mut bytes).unwrap_or(0);
            bytes.truncate(length);
            let _ = stream.write_all(answer);
            let _ = tell.send(bytes);
            // What was not read would turn the end of the connection into a reset.
            drain(stream);
        }
    });
    Peer { port, heard }
}

fn drain(mut stream: TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// The error that a connection to there ends with.
#[track_caller]
fn refusal(url: &str, flags: &[&str]) -> (Value, Done) {
    let done = evbus(["dlq", "show", "q", "-o", "json"]).and(flags).env("EVBUS_URL", url).done().ends_with(1);
    let error: Value = serde_json::from_str(&done.err()).unwrap_or_else(|error| panic!("{error}\n{}", done.whole()));
    assert!(error["error"]["hint"].is_string(), "what is to be done? {error}");
    assert!(!done.whole().contains("hunter2"), "{}", done.whole());
    (error["error"].clone(), done)
}

#[track_caller]
fn code(url: &str, flags: &[&str]) -> String {
    refusal(url, flags).0["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn nobody_listens() {
    assert_eq!(code("amqp://u:hunter2@127.0.0.1:1", &[]), "refused");
}

#[test]
fn the_host_is_unknown() {
    let (error, _) = refusal("amqp://u:hunter2@broker.invalid", &[]);
    assert_eq!(error["code"], "unknown_host");
    assert_eq!(error["message"], "the host broker.invalid is not known");
}

#[test]
fn a_silent_peer_is_not_waited_for_longer_than_allowed() {
    // A listener whose connections nobody takes up: they open, and stay silent.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = silent.local_addr().expect("its number");
    let started = std::time::Instant::now();
    for scheme in ["amqp", "amqps"] {
        let url = format!("{scheme}://u:hunter2@{at}");
        assert_eq!(code(&url, &["--connect-timeout", "300ms"]), "connect_timeout", "{scheme}");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
}

#[test]
fn amqps_never_falls_back_to_clear_text() {
    // A broker that speaks in clear says its own protocol's name, or hangs up.
    for answer in [&b"AMQP\x00\x00\x09\x01"[..], b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let peer = peer(answer);
        let url = format!("amqps://u:hunter2@localhost:{}/v", peer.port);
        assert_eq!(code(&url, &[]), "no_tls", "{answer:?}");
        let heard = peer.heard.recv().expect("it was spoken to");
        assert_eq!(heard[..2], [0x16, 3], "a TLS handshake, and nothing else");
        assert!(!heard.windows(7).any(|window| window == b"hunter2") && !heard.starts_with(b"AMQP"));
        assert!(peer.heard.try_recv().is_err(), "and no second try");
    }
}

#[test]
fn a_tls_port_spoken_to_in_clear_is_recognised() {
    // An alert: the record's type and version, its length, then "fatal, unexpected message".
    let peer = peer(&[21, 3, 3, 0, 2, 2, 10]);
    assert_eq!(code(&format!("amqp://u:hunter2@127.0.0.1:{}", peer.port), &[]), "tls_port");
}

#[test]
fn what_is_no_broker_is_called_that() {
    let web = peer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let (error, _) = refusal(&format!("amqp://u:hunter2@127.0.0.1:{}", web.port), &[]);
    assert_eq!(error["code"], "not_amqp", "{error}");
    let mute = peer(b"");
    assert_eq!(code(&format!("amqp://u:hunter2@127.0.0.1:{}", mute.port), &[]), "hangup");
}

#[test]
fn of_several_brokers_each_failure_is_told() {
    let mute = peer(b"");
    let url = format!(
        "amqp://u:hunter2@127.0.0.1:1,amqps://u:hunter2@broker.invalid,amqp://u:hunter2@127.0.0.1:{}",
        mute.port
    );
    let (error, _) = refusal(&url, &[]);
    assert_eq!(error["code"], "no_broker");
    let causes = error["causes"].to_string();
    for cause in
        ["nobody listens at 127.0.0.1:1", "broker.invalid is not known", "closed the connection without a word"]
    {
        assert!(causes.contains(cause), "{cause:?} in {causes}");
    }
}

#[test]
fn where_nothing_answers_at_all_no_plugin_is_blamed_and_every_address_is_tried() {
    let web = peer(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi");
    for command in [&["queues"][..], &["dlq", "list"]] {
        let run = |management: &str| {
            let done = evbus(command).and(["-o", "json"]).env("EVBUS_URL", "amqp://u:hunter2@127.0.0.1:1");
            let done = done.env("EVBUS_MANAGEMENT_URL", management).done().ends_with(1);
            let error: Value = serde_json::from_str(&done.err()).expect("one JSON object");
            assert_eq!(error["error"]["code"], "no_management");
            error["error"]["hint"].as_str().unwrap_or_default().to_owned()
        };
        let hint = run("http://127.0.0.1:1");
        assert!(hint.starts_with("is the broker running?") && hint.contains("evbus doctor"), "{hint}");
        let hint = run(&format!("http://127.0.0.1:{}", web.port));
        assert!(hint.starts_with("is that the management port"), "something answered: {hint}");
    }
    let done = evbus(["queues"]).env("EVBUS_URL", "amqp://one.invalid,amqp://two.invalid").done().ends_with(1);
    assert!(done.err().contains("http://one.invalid:15672 nor at http://two.invalid:15672"), "{}", done.whole());
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").expect("it is written");
    for file in [empty.display().to_string(), "/nowhere/ca.pem".to_owned()] {
        let (error, _) = refusal("amqps://u:hunter2@localhost", &["--tls-ca", &file]);
        assert_eq!(
            (error["code"].as_str(), error["message"].as_str()),
            (Some("tls_file"), Some(&*format!("cannot use {file}")))
        );
    }
    let done = evbus(["dlq", "show", "q", "--tls-cert", "c.pem"]).done().ends_with(2);
    assert!(done.err().contains("--tls-key"), "{}", done.whole());
}
