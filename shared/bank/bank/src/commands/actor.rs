/// Who asks, as far as an account needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The caller's name, the `sub` of its token. It owns what it opens.
    pub caller: String,
    /// Whether it may act on any caller's accounts.
    pub is_teller: bool,
}

impl Actor {
    /// Whether it may see and use an account of this owner.
    #[must_use]
    pub fn may_act_for(&self, owner: &str) -> bool {
        self.is_teller || self.caller == owner
    }
}
