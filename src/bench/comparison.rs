//! Several servers under the same load, in turn: what else the machine does then meets all of them alike.

/// Measures each of `targets` once in each round, in order; in every other round in the reverse order. For each round, the measurements in
/// the order of the targets.
pub fn compare<M, E>(
    targets: usize,
    rounds: usize,
    mut measure: impl FnMut(usize, usize) -> Result<M, E>,
) -> Result<Vec<Vec<M>>, E> {
    let round = |round: usize| {
        let mut measured = Vec::with_capacity(targets);
        for target in order(targets, round) {
            measured.push((target, measure(target, round)?));
        }
        measured.sort_by_key(|(target, _)| *target);
        Ok(measured.into_iter().map(|(_, measured)| measured).collect())
    };
    (0..rounds).map(round).collect()
}

fn order(targets: usize, round: usize) -> Vec<usize> {
    let order = 0..targets;
    if round % 2 == 1 {
        order.rev().collect()
    } else {
        order.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_is_in_the_reverse_order_and_all_are_reported_in_order() {
        let mut asked = Vec::new();
        let measured = compare(3, 3, |target, round| {
            asked.push(target);
            Ok::<_, ()>(10 * round + target)
        });
        assert_eq!(asked, [0, 1, 2, 2, 1, 0, 0, 1, 2]);
        assert_eq!(
            measured,
            Ok(vec![vec![0, 1, 2], vec![10, 11, 12], vec![20, 21, 22]])
        );
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut asked = 0;
        let ended = compare(2, 2, |target, _| {
            asked += 1;
            if target == 1 {
                Err("no server")
            } else {
                Ok(())
            }
        });
        assert_eq!((ended, asked), (Err("no server"), 2));
    }
}
