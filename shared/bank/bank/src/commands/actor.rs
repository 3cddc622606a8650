/// The caller of a command, with the facts that an account needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The caller's name, the `sub` of its token. The caller owns the accounts that it opens.
    pub caller: String,
    /// Whether the caller may act on any caller's accounts.
    pub is_teller: bool,
}

impl Actor {
    /// Whether the caller may see and use an account of this owner.
    #[must_use]
    pub fn may_act_for(&self, owner: &str) -> bool {
        self.is_teller || self.caller == owner
    }
}
