//! Making an exchange anew with its bindings.
//!
//! Another exchange gets all of its bindings, in both directions, and stands in for it: the new exchange leads everything there, until
//! it has the bindings itself. A queue gets a message once, however many ways lead to it, so nothing comes twice and nothing comes out of
//! order. Every step can be taken again, and what is to be done next is seen from what is there: it may be killed anywhere, and run again.
//!
//! Broker fact (4.3.6): the bindings of an exchange that is deleted go one after the other, and an event on its way gets some of its
//! queues and not the others. So the one that goes has but one left by then, which leads everything to the stand-in: an event takes that,
//! or none and with it the alternate exchange, which leads there too.

use std::collections::BTreeSet;

use super::{Apply, UNDER_WAY, Undone, making};
use crate::{
    ops::observe,
    topology::{
        replacement::{ExchangeReplacement, MARK, everything},
        routing::ALTERNATE_EXCHANGE,
        spec::{BindingSpec, ExchangeSpec},
    },
};

impl Apply<'_> {
    /// Makes an exchange anew.
    pub(super) async fn swap(&self, wanted: &ExchangeSpec, replacement: &ExchangeReplacement) -> Result<(), Undone> {
        Swapping { apply: self, wanted, replacement }.run().await
    }
}

struct Swapping<'a> {
    apply: &'a Apply<'a>,
    wanted: &'a ExchangeSpec,
    replacement: &'a ExchangeReplacement,
}

impl Swapping<'_> {
    async fn run(&self) -> Result<(), Undone> {
        let stand_in = &self.replacement.stand_in;
        if let Some(found) = &self.replacement.found {
            self.apply.connection.declare_exchange(stand_in).await?;
            self.copy(&found.name, &stand_in.name).await?;
        }
        match self.remake().await {
            Ok(()) => self.bring_back(&self.wanted.kind).await,
            Err(undone) => Err(self.put_back(undone).await),
        }
    }

    /// Sees to it that the exchange is there as it is wanted.
    async fn remake(&self) -> Result<(), Undone> {
        let connection = &self.apply.connection;
        self.catch().await?;
        let Some(found) = &self.replacement.found else {
            return Ok(connection.declare_exchange(self.wanted).await?);
        };
        for binding in &self.leading(&found.kind).await? {
            connection.bind(binding).await?;
        }
        tokio::time::sleep(UNDER_WAY).await;
        self.strip(found).await?;
        tokio::time::sleep(UNDER_WAY).await;
        // Whoever has bound something meanwhile keeps it.
        self.copy(&found.name, &self.replacement.stand_in.name).await?;
        let leading = self.leading(&self.wanted.kind).await?;
        Ok(connection.swap_exchange(self.wanted, &leading).await?)
    }

    /// Takes the bindings away that the stand-in has as well.
    async fn strip(&self, found: &ExchangeSpec) -> Result<(), Undone> {
        for binding in self.bindings(&found.name).await?.iter().filter(|binding| binding.source == found.name) {
            self.apply.connection.unbind(binding).await?;
        }
        Ok(())
    }

    /// Sees to it that there is an exchange with all bindings, as it was if it is not there at all, and says why.
    async fn put_back(&self, undone: Undone) -> Undone {
        let because = undone.because();
        Undone::Kept(match self.restore().await {
            Ok(()) => format!("{because}; it has its bindings"),
            Err(more) => format!(
                "{because}; its bindings are those of {} ({}): apply --replace again",
                self.replacement.stand_in.name,
                more.because()
            ),
        })
    }

    async fn restore(&self) -> Result<(), Undone> {
        // What was refused may have ended its connection.
        let connection = self.apply.broker.connect("evbus apply").await?;
        let there = self.exchange(&self.wanted.name).await?;
        let kind = match (&there, &self.replacement.found) {
            (Some(there), _) => there.kind.clone(),
            (None, Some(found)) => {
                connection.declare_exchange(found).await?;
                found.kind.clone()
            }
            (None, None) => return Err(Undone::Kept("it is not there".to_owned())),
        };
        connection.close().await;
        self.bring_back(&kind).await
    }

    async fn exchange(&self, name: &str) -> Result<Option<ExchangeSpec>, Undone> {
        let broker = self.apply.broker;
        let all = broker.management().exchanges(broker.vhost()).await?;
        Ok(all.into_iter().find(|exchange| exchange.name == name).map(observe::exchange))
    }

    /// Leads to the stand-in what an exchange cannot route that has no bindings yet, or none any more.
    async fn catch(&self) -> Result<(), Undone> {
        let broker = self.apply.broker;
        if let Some(policy) = &self.replacement.policy {
            broker.management().put_policy(broker.vhost(), &making::policy(policy)).await?;
        }
        let own = [Some(self.wanted), self.replacement.found.as_ref()].into_iter().flatten();
        let own: BTreeSet<&str> =
            own.filter_map(|exchange| exchange.arguments.get(ALTERNATE_EXCHANGE)?.as_str()).collect();
        for alternate in own {
            for binding in &self.alternate(alternate).await? {
                self.apply.connection.bind(binding).await?;
            }
        }
        Ok(())
    }

    /// The bindings that lead to the stand-in what comes to an alternate exchange which an argument names.
    async fn alternate(&self, alternate: &str) -> Result<Vec<BindingSpec>, Undone> {
        let because = match self.exchange(alternate).await? {
            None => "is not there",
            Some(found) if found.kind == "direct" => "is a direct exchange, and takes only the keys that it knows",
            Some(found) => {
                return Ok(everything(alternate, &found.kind, &self.replacement.stand_in.name, &BTreeSet::new()));
            }
        };
        Err(Undone::Kept(format!("its alternate exchange {alternate} {because}: events would be lost on the way")))
    }

    /// The bindings that lead everything to the stand-in that it can route.
    async fn leading(&self, kind: &str) -> Result<Vec<BindingSpec>, Undone> {
        let stand_in = self.replacement.stand_in.name.as_str();
        let bindings = self.bindings(stand_in).await?;
        let keys = bindings.iter().filter(|binding| binding.source == stand_in).map(|binding| binding.key.as_str());
        Ok(everything(&self.wanted.name, kind, stand_in, &keys.collect()))
    }

    /// The bindings from and to an exchange, but for those between it and the other one, or itself, and those that are there for a replace
    /// alone.
    async fn bindings(&self, exchange: &str) -> Result<Vec<BindingSpec>, Undone> {
        let broker = self.apply.broker;
        let all = broker.management().bindings(broker.vhost()).await?.into_iter().map(observe::binding);
        let ours = [self.wanted.name.as_str(), self.replacement.stand_in.name.as_str()];
        let is_ours = |name: &str, is_exchange: bool| is_exchange && ours.contains(&name);
        let is_meant = |binding: &BindingSpec| {
            let leads_in = !binding.is_to_queue() && binding.destination == exchange;
            let is_between = is_ours(&binding.source, true) && is_ours(&binding.destination, !binding.is_to_queue());
            (binding.source == exchange || leads_in) && !is_between && !binding.arguments.contains_key(MARK)
        };
        Ok(all.filter(is_meant).collect())
    }

    /// Gives an exchange the bindings of another one, until it has all.
    async fn copy(&self, from: &str, to: &str) -> Result<(), Undone> {
        let mut copied: Vec<BindingSpec> = Vec::new();
        loop {
            let bindings = self.bindings(from).await?;
            let new: Vec<BindingSpec> = bindings.into_iter().filter(|binding| !copied.contains(binding)).collect();
            if new.is_empty() {
                return Ok(());
            }
            for binding in &new {
                let mut copy = binding.clone();
                let end = if binding.source == from { &mut copy.source } else { &mut copy.destination };
                to.clone_into(end);
                self.apply.connection.bind(&copy).await?;
            }
            copied.extend(new);
        }
    }

    /// Gives the exchange its bindings again, and takes the stand-in away.
    async fn bring_back(&self, kind: &str) -> Result<(), Undone> {
        let (apply, stand_in) = (self.apply, self.replacement.stand_in.name.as_str());
        let connection = apply.broker.connect("evbus apply").await?;
        for binding in &self.leading(kind).await? {
            connection.bind(binding).await?;
        }
        self.copy(stand_in, &self.wanted.name).await?;
        tokio::time::sleep(UNDER_WAY).await;
        let (management, vhost) = (apply.broker.management(), apply.broker.vhost());
        let policy = self.replacement.policy_name();
        if management.policies(vhost).await?.iter().any(|there| there.name == policy) {
            management.delete_policy(vhost, &policy).await?;
        }
        // With all that leads there.
        connection.delete_exchange(stand_in).await?;
        connection.close().await;
        Ok(())
    }
}
