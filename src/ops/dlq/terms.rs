//! On which terms a run holds messages: how many at once, and how each of them goes back unharmed. Decided before anything is held.

use super::{
    Custody,
    guard::Guard,
    probe,
    reading::Hold,
    session::{Error, Save, Session},
};

/// How a run would hold its messages.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How a message is saved that giving back would destroy.
    pub save: Save,
    /// How many may be held at once, as the operator says.
    pub window: Option<u16>,
    /// How many may be in hand undecided when nothing is known to be at stake.
    pub in_hand: u16,
    /// How many may be held where a killed evbus would cost each of them an attempt.
    pub careful: u16,
    /// Everything goes back: as long as a few are held and none of them needs it, no policy is set.
    pub only_looks: bool,
}

/// How a run holds its messages.
#[derive(Debug)]
pub struct Terms {
    /// How many at once.
    pub hold: Hold,
    /// What to tell before anything is held, one sentence each.
    pub warnings: Vec<String>,
    /// The temporary policy that lifts the delivery limit while the run lasts.
    pub guarded: Option<String>,
}

impl Session<'_> {
    /// Decides, before anything is held, how much of a set may be held at once and how it goes back unharmed.
    ///
    /// # Errors
    /// [`Error::WouldSpend`] where messages could be lost and no way of saving them is open.
    pub async fn terms(&mut self, wish: &Wish, set: u64) -> Result<Terms, Error> {
        let mut terms = Terms {
            hold: Hold::Undecided(wish.window.unwrap_or(self.facts.in_hand(wish.in_hand))),
            warnings: Vec::new(),
            guarded: None,
        };
        if self.unlocked {
            terms.warnings.push("no permission to create the lock queue: nobody else is kept out".to_owned());
        }
        terms.warnings.extend(self.facts.custody.iter().flat_map(Custody::warnings));
        if set == 0 {
            return Ok(terms);
        }
        let window = wish.window.unwrap_or(wish.careful);
        let few = wish.only_looks && set <= window.into();
        terms.guarded = self.protect(wish.save, few).await?.map(str::to_owned);
        if terms.guarded.is_none()
            && let Some(stakes) = self.facts.custody.as_ref().and_then(Custody::stakes)
        {
            terms.warnings.push(stakes);
            terms.hold = Hold::AtStake(window);
        }
        Ok(terms)
    }

    /// Makes sure, before anything is held, that whatever is held can be given back: lifts the delivery limit while the run
    /// lasts, or makes certain that copies can be put in place. Says the temporary policy's name, if one is in force now.
    ///
    /// A look at `few` messages sets no policy as long as none of them needs it.
    ///
    /// # Errors
    /// [`Error::WouldSpend`] where messages could be lost and no way of saving them is open.
    async fn protect(&mut self, save: Save, few: bool) -> Result<Option<&str>, Error> {
        let Some(custody) = self.facts.custody.as_ref().filter(|custody| custody.is_at_risk()) else { return Ok(None) };
        let limit = custody.limit.unwrap_or_default();
        let refuse = |source: Option<String>| Error::WouldSpend { queue: self.queue.clone(), limit, because: source };
        let lifts = matches!(save, Save::Auto | Save::Policy) && custody.can_raise;
        let copies = matches!(save, Save::Auto | Save::Copy);
        let mut because = match save {
            Save::None => return Err(refuse(None)),
            Save::Policy if !lifts => {
                Some("no policy can lift a limit that an argument or an operator policy sets".to_owned())
            }
            Save::Auto | Save::Policy | Save::Copy => None,
        };
        if few && copies && self.can_copy(custody).await.is_ok() {
            return Ok(None);
        }
        if lifts {
            match Guard::put(self.broker, &self.queue, custody, &self.run).await {
                Ok(guard) => return Ok(Some(self.guard.insert(guard).name())),
                Err(error) => because = Some(error.to_string()),
            }
        }
        if copies {
            match self.can_copy(custody).await {
                Ok(()) => return Ok(None),
                Err(error) => because = Some(error),
            }
        }
        Err(refuse(because))
    }

    /// Whether a copy would take a message's place.
    async fn can_copy(&self, custody: &Custody) -> Result<(), String> {
        if custody.is_bounded {
            return Err("a copy might not fit into a queue whose length is limited".to_owned());
        }
        probe::may_publish(self.broker, "", &self.run).await.map_err(|error| error.to_string())
    }
}
