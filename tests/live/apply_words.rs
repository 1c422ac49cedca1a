//! How apply and plan say what they do: one is told as one, and a reason once.

use serde_json::json;

use crate::support::shop::Shop;

const ONE: &str = "evbus: 1\nname: words\nqueues: {q: {type: classic}}\n";

#[test]
fn one_object_is_told_as_one_and_why_it_is_left_is_said_once() {
    let Some(shop) = Shop::open("words", ONE) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    let again = shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    assert_eq!(again.out(), "nothing to do: 1 object is as wanted\n");

    shop.write(&ONE.replace("classic}", "classic, message_ttl: 1h}"));
    let other = shop.evbus(&["apply", "--yes"]).done().ends_with(1).out();
    let line = "skipped queue q: exists differently: x-message-ttl is not set, and the file wants 3600000; --in-place sets it by a policy, --replace makes it anew and keeps its messages";
    assert_eq!(other.lines().next(), Some(line));

    shop.write("evbus: 1\nname: words\n");
    shop.live.fill("q", 1);
    let kept = shop.evbus(&["apply", "--prune", "--yes"]).done().ends_with(1).out();
    let line =
        "skipped queue q: it has 1 message: --prune-non-empty archives its messages first, and deletes it all the same";
    assert_eq!(kept.lines().next(), Some(line));
    let gone = shop.evbus(&["apply", "--prune", "--prune-non-empty", "--yes"]).done().ends_with(0).out();
    assert!(gone.starts_with("deleted queue q; its 1 message is in evbus-prune-"), "{gone}");
}

#[test]
fn plan_and_apply_name_the_broker_alike() {
    let Some(shop) = Shop::open("named", ONE) else { return };
    let header = |arguments: &[&str]| shop.evbus(arguments).done().err().lines().next().map(str::to_owned);
    let planned = header(&["plan"]);
    assert!(planned.as_ref().is_some_and(|line| line.starts_with("plan of words for ")), "{planned:?}");
    assert_eq!(header(&["apply", "--dry-run"]), planned);
    let host = |arguments: &[&str]| shop.evbus(arguments).done().json()[0]["host"].clone();
    let planned = host(&["plan", "-o", "json"]);
    assert_eq!(host(&["apply", "--dry-run", "-o", "json"]), planned);
    assert_ne!(planned, json!(null));
}
