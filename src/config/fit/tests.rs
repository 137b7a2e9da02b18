//! Which values fit, and which texts are mistakes.

use super::*;

/// The setting `number`, `share`, `text`, `duration`, `list` or `table` with this value.
fn fitted(default: &str, value: &str) -> Result<Value, String> {
    let parse = |text: &str| {
        let mut table = format!("v = {text}").parse::<toml::Table>().unwrap();
        table.remove("v").unwrap()
    };
    fit("a.b", parse(value), &parse(default)).map_err(|error| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    })
}

#[test]
fn a_whole_number_fits_where_a_number_is_wanted() {
    for value in ["1", "0", "-3", "1_000", "1.0", "1e0"] {
        let fitted = fitted("1.0", value);
        assert!(fitted.is_ok_and(|value| value.is_float()), "{value}");
    }
    assert!(fitted("1.0", "9_000_000_000").is_err());
}

#[test]
fn a_value_of_another_type_is_refused_with_what_to_write() {
    for (default, value, expected) in [
        (
            "1",
            "\"7\"",
            "is not of type integer; write the number without quotes",
        ),
        ("1", "\"many\"", "is not of type integer"),
        (
            "1",
            "7.0",
            "is not of type integer; a whole number has no point and no exponent",
        ),
        (
            "1",
            "1e5",
            "is not of type integer; a whole number has no point and no exponent",
        ),
        (
            "1.0",
            "\"0.5\"",
            "is not of type float; write the number without quotes",
        ),
        ("1.0", "true", "is not of type float"),
        (
            "\"2s\"",
            "2",
            "is not of type string; a duration is a text with a unit, such as \"2s\"",
        ),
        (
            "\"2s\"",
            "0.5",
            "is not of type string; a duration is a text with a unit, such as \"2s\"",
        ),
        ("\"info\"", "7", "is not of type string; write it in quotes"),
        (
            "\"info\"",
            "true",
            "is not of type string; write it in quotes",
        ),
        (
            "[]",
            "\"a\"",
            "is not of type array; a list is written as [\"one\", \"two\"]",
        ),
        (
            "{}",
            "\"a\"",
            "is not of type table; a table is written as { name = \"value\" }",
        ),
    ] {
        let expected = format!("a.b {expected}");
        assert_eq!(fitted(default, value), Err(expected), "{default} {value}");
    }
}

#[test]
fn what_was_meant_for_a_shell_or_a_template_is_a_mistake() {
    for (text, expected) in [
        (" key", TextMistake::Blanks),
        ("key\n", TextMistake::Blanks),
        ("key\r\n", TextMistake::Blanks),
        ("\tkey", TextMistake::Blanks),
        ("key\u{a0}", TextMistake::Blanks),
        ("\u{feff}key", TextMistake::Blanks),
        ("k\ney", TextMistake::Control),
        ("k\u{7f}ey", TextMistake::Control),
        ("\"key\"", TextMistake::Quotes),
        ("'key'", TextMistake::Quotes),
        ("\u{201c}key\u{201d}", TextMistake::Quotes),
        ("'key", TextMistake::Quotes),
        ("`key`", TextMistake::Quotes),
        ("${INCODE_KEY}", TextMistake::Placeholder),
        ("https://${HOST}/x", TextMistake::Placeholder),
        ("${HOST:-api.example.com}", TextMistake::Placeholder),
        ("$(KEY)", TextMistake::Placeholder),
        ("{{ .Values.key }}", TextMistake::Placeholder),
        ("$INCODE_KEY", TextMistake::Placeholder),
        ("%INCODE_KEY%", TextMistake::Placeholder),
        ("<your key>", TextMistake::Placeholder),
    ] {
        assert_eq!(mistake(text), Some(expected), "{text:?}");
    }
    for text in [
        "",
        "key",
        "a b",
        "p$ss",
        "$2y$10$abc",
        "a${b",
        "a$(!)b",
        "50%",
        "a<b>c",
        "it's",
        "-",
        "x\"y",
        "{}",
        "$",
        "a{{b",
    ] {
        assert_eq!(mistake(text), None, "{text:?}");
    }
}

#[test]
fn texts_are_checked_wherever_they_are_in_a_value() {
    for (default, value) in [
        ("\"\"", "\"${A}\""),
        ("[]", "[\"a\", \"${A}\"]"),
        ("{}", "{ a = \"b\", c = \"${A}\" }"),
    ] {
        let error = fitted(default, value).unwrap_err();
        assert!(error.starts_with("a.b contains a placeholder"), "{error}");
    }
}
