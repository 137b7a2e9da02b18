//! Formulas as numbers.

use super::*;

#[test]
fn equal_formulas_have_equal_numbers() {
    let mut budget = WorkBudget::for_comparison();
    let mut formulas = Formulas::new(vec![3, 2], &mut budget);
    let (low, high) = (Regions::of(3, [0, 1]), Regions::of(3, [1, 2]));
    let low = formulas.inside(0, low);
    let high = formulas.inside(0, high);
    let flag = formulas.inside(1, Regions::of(2, [0]));
    let one = formulas.all([low, flag, high]);
    let middle = formulas.inside(0, Regions::of(3, [1]));
    let other = formulas.all([flag, middle]);
    assert_eq!(one, other);
    assert_eq!(formulas.any([low, high]), Formula::TRUE);
    assert_eq!(formulas.cofactor(one, 0, 1), flag);
    assert_eq!(formulas.cofactor(one, 0, 0), Formula::FALSE);
    assert_eq!(formulas.simplify(one, flag), middle);
    assert!(formulas.implies(one, low) && formulas.implies(middle, high));
    assert!(!formulas.implies(low, one) && !formulas.implies(low, middle));
}
