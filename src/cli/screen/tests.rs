//! Widths, wrapping, and styles that no foreign text can set.

use super::*;

fn screen(coloured: bool, width: usize) -> Screen {
    Screen { coloured, width }
}

#[test]
fn the_width_is_that_of_the_variable_then_of_the_terminal_then_a_hundred_columns() {
    let of = |variable: &str, terminal| {
        let environment = vec![("COLUMNS".into(), variable.into())];
        width(columns(&environment), || terminal)
    };
    assert_eq!(of("70", Some(80)), 70, "the variable counts first");
    assert_eq!(of("300", Some(80)), 300, "and is taken at its word");
    assert_eq!(of("", Some(80)), 80);
    assert_eq!(of("0", Some(80)), 80);
    assert_eq!(of("wide", Some(80)), 80);
    assert_eq!(of("", Some(300)), WIDTH_MAX);
    assert_eq!(of("", Some(0)), WIDTH_WITHOUT_TERMINAL, "`script` has none");
    assert_eq!(of("", None), WIDTH_WITHOUT_TERMINAL);
    assert_eq!(of("5", None), WIDTH_MIN);
}

#[test]
fn lines_are_wrapped_by_what_a_terminal_shows_and_hang_below_their_text() {
    let text = Text::from("needed ").and("verify again, younger than thirty days, and come back");
    assert_eq!(
        screen(false, 40).wrapped(2, 9, &text),
        "  needed verify again, younger than\n         thirty days, and come back"
    );
    // Each of these characters is two columns wide.
    let wide = Text::from("山田山田山田山田 山田山田山田山田 山田");
    assert_eq!(
        screen(false, 40).wrapped(0, 2, &wide),
        "山田山田山田山田 山田山田山田山田 山田"
    );
    assert_eq!(
        screen(false, 36).wrapped(0, 2, &wide),
        "山田山田山田山田 山田山田山田山田\n  山田"
    );
    let long = Text::from("x".repeat(60)).and(" y");
    assert_eq!(
        screen(false, 40).wrapped(0, 2, &long),
        format!("{}\n  y", "x".repeat(60)),
        "a name stays whole"
    );
    let raw = Screen::RAW.wrapped(2, 4, &long);
    assert_eq!(raw, format!("  {} y", "x".repeat(60)));
}

#[test]
fn colours_do_not_count_as_width_and_end_with_each_line() {
    let words = "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj";
    let text = Text::from("x ").and(Style::Deny.of(words)).and(" y");
    let plain = screen(false, 40).wrapped(0, 2, &text);
    let coloured = screen(true, 40).wrapped(0, 2, &text);
    let lines: Vec<&str> = coloured.lines().collect();
    assert_eq!(
        lines,
        [
            "x \u{1b}[31maaaa bbbb cccc dddd eeee ffff gggg\u{1b}[0m",
            "  \u{1b}[31mhhhh iiii jjjj\u{1b}[0m y"
        ]
    );
    let bare = coloured.replace("\u{1b}[31m", "").replace(RESET, "");
    assert_eq!(bare, plain, "the words are the same without colours");
}

#[test]
fn every_style_and_decision_is_in_the_words_too() {
    for (of, word) in [
        (Effect::Allow, "ALLOW"),
        (Effect::StepUp, "STEP_UP"),
        (Effect::Deny, "DENY"),
    ] {
        assert_eq!(screen(false, 80).one_line(&effect(of)), word);
        let coloured = screen(true, 80).one_line(&effect(of));
        assert!(coloured.contains(word) && coloured.ends_with(RESET));
    }
}

#[test]
fn a_foreign_text_sets_no_style_and_adds_no_line() {
    let hostile = "a\u{1b}[31mb\nALLOW\r\u{202e}";
    let text = Style::Dim.of(hostile).and(hostile);
    let plain = screen(false, 80).wrapped(0, 2, &text);
    assert!(
        !plain.contains(['\u{1b}', '\n', '\r', '\u{202e}']),
        "{plain:?}"
    );
    let coloured = screen(true, 400).wrapped(0, 2, &text);
    assert_eq!(coloured.matches('\u{1b}').count(), 2, "{coloured:?}");
}

#[test]
fn a_text_is_padded_by_what_a_terminal_shows() {
    let padded = screen(false, 80).one_line(&Style::Allow.of("山田").padded(6).and("|"));
    assert_eq!(padded, "山田  |");
    let wider = screen(false, 80).one_line(&Text::from("abc").padded(2).and("|"));
    assert_eq!(wider, "abc|");
}
