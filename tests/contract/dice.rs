/// Random numbers that are the same on every run, so that a failure can be repeated: SplitMix64 (Steele, Lea and Flood,
/// 2014).
pub struct Dice {
    state: u64,
}

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("an index");
        usize::try_from(self.roll() % end).expect("below an index")
    }

    /// A number from 1 to `most`.
    pub fn amount_up_to(&mut self, most: i64) -> i64 {
        let most = u64::try_from(most).expect("at least 1");
        i64::try_from(self.roll() % most).expect("below an i64") + 1
    }

    /// True once in this number of calls on average.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }

    /// The same items in the same order, cut into batches of 1 to `longest`.
    pub fn cut<T: Clone>(&mut self, items: &[T], longest: usize) -> Vec<Vec<T>> {
        let mut batches = Vec::new();
        let mut rest = items;
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at((self.below(longest) + 1).min(rest.len()));
            batches.push(batch.to_vec());
            rest = behind;
        }
        batches
    }
}
