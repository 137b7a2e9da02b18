//! A budget for retries: a fraction of the first attempts, plus a small reserve.
//!
//! Why a budget and not a maximum of retries per call: in an outage every call fails, and a maximum of one retry doubles the load
//! on an upstream that is already in trouble. A budget bounds the additional load to a tenth of the calls, however many of them
//! fail, and still lets a single failure be retried at once.

use parking_lot::Mutex;

/// A budget for retries. Each first attempt deposits a tenth of a retry.
#[derive(Debug)]
pub struct RetryBudget {
    tenths: Mutex<u32>,
}

/// What one retry costs, in tenths.
const RETRY_COST: u32 = 10;
/// Retries that can accumulate.
const RESERVE_MAX: u32 = 10;

impl Default for RetryBudget {
    /// A budget with one retry in reserve.
    fn default() -> Self {
        Self {
            tenths: Mutex::new(RETRY_COST),
        }
    }
}

impl RetryBudget {
    /// Records a first attempt.
    pub fn deposit(&self) {
        let mut tenths = self.tenths.lock();
        *tenths = tenths.saturating_add(1).min(RESERVE_MAX * RETRY_COST);
    }

    /// Takes one retry; `false` if the budget is used up.
    pub fn withdraw(&self) -> bool {
        let mut tenths = self.tenths.lock();
        let left = tenths.checked_sub(RETRY_COST);
        *tenths = left.unwrap_or(*tenths);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_ten_may_be_retried() {
        let budget = RetryBudget::default();
        let mut retries = 0;
        for _ in 0..1000 {
            budget.deposit();
            retries += u32::from(budget.withdraw());
        }
        assert_eq!(retries, 101);
    }

    #[test]
    fn the_reserve_of_retries_is_bounded() {
        let budget = RetryBudget::default();
        (0..10_000).for_each(|_| budget.deposit());
        let withdrawn = (0..1000).filter(|_| budget.withdraw()).count();
        assert_eq!(withdrawn, 10);
    }
}
