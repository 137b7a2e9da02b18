//! Cuts Rust into tokens: enough to find names, paths and strings in code, without comments.

/// A part of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// An identifier or a keyword.
    Word(String),
    /// The content of a string literal, as it is written.
    Text(String),
    /// One character of punctuation.
    Sign(char),
    /// A number, a character or a lifetime.
    Other,
}

impl Token {
    pub fn is_word(&self, expected: &str) -> bool {
        matches!(self, Self::Word(word) if word == expected)
    }

    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of this text, each with its line.
pub fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut lexer = Lexer {
        letters: text.chars().collect(),
        at: 0,
        line: 1,
    };
    std::iter::from_fn(|| lexer.token()).collect()
}

struct Lexer {
    letters: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.letters.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn bump(&mut self) -> char {
        let letter = self.peek(0);
        self.at += 1;
        self.line += usize::from(letter == '\n');
        letter
    }

    fn token(&mut self) -> Option<(usize, Token)> {
        self.skip();
        let line = self.line;
        let token = match self.peek(0) {
            '\0' if self.at >= self.letters.len() => return None,
            '"' => self.string(0, true),
            '\'' => self.quote(),
            letter if letter.is_ascii_digit() => {
                self.run();
                Token::Other
            }
            letter if is_letter(letter) => self.word(),
            _ => Token::Sign(self.bump()),
        };
        Some((line, token))
    }

    /// Skips spaces and comments.
    fn skip(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                ('/', '/') => while self.at < self.letters.len() && self.bump() != '\n' {},
                ('/', '*') => self.block_comment(),
                (letter, _) if letter.is_whitespace() => drop(self.bump()),
                _ => return,
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.letters.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.bump();
                    continue;
                }
            }
            self.bump();
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }

    /// A word, or a string with a prefix.
    fn word(&mut self) -> Token {
        let word = self.run();
        match (word.as_str(), self.peek(0)) {
            ("b" | "c", '"') => self.string(0, true),
            ("b", '\'') => self.quote(),
            ("r" | "br" | "cr", '"' | '#') => {
                let hashes = (0..self.letters.len())
                    .take_while(|&ahead| self.peek(ahead) == '#')
                    .count();
                if self.peek(hashes) == '"' {
                    return self.string(hashes, false);
                }
                // A raw identifier.
                self.bump();
                Token::Word(self.run())
            }
            _ => Token::Word(word),
        }
    }

    fn run(&mut self) -> String {
        let mut word = String::new();
        while is_letter(self.peek(0)) || self.peek(0).is_ascii_digit() {
            word.push(self.bump());
        }
        word
    }

    /// A string literal that ends with a quote and this number of hashes.
    fn string(&mut self, hashes: usize, escapes: bool) -> Token {
        for _ in 0..=hashes {
            self.bump();
        }
        let mut content = String::new();
        while self.at < self.letters.len() {
            let letter = self.bump();
            let closes = letter == '"' && (0..hashes).all(|ahead| self.peek(ahead) == '#');
            if closes {
                self.at += hashes;
                break;
            }
            content.push(letter);
            if escapes && letter == '\\' {
                content.push(self.bump());
            }
        }
        Token::Text(content)
    }

    /// A character or a lifetime.
    fn quote(&mut self) -> Token {
        self.bump();
        if self.peek(0) == '\\' {
            self.bump();
            self.bump();
            while self.at < self.letters.len() && self.bump() != '\'' {}
        } else if self.peek(1) == '\'' {
            self.bump();
            self.bump();
        } else {
            self.run();
        }
        Token::Other
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

#[test]
fn comments_strings_characters_and_lifetimes_are_separated_from_code() {
    let text = r##"
// use crate::a;
/* use /* nested */ crate::b; */
fn f<'a>(x: &'a str) -> char { let y = "crate::c \" still"; let z = r#"crate::"d""#; '"' }
'\'' b'x' r#type 1_000.5 b"e"
"##;
    let code = tokens(text);
    let words: Vec<&str> = code.iter().filter_map(|(_, token)| token.word()).collect();
    let expected = [
        "fn", "f", "x", "str", "char", "let", "y", "let", "z", "type",
    ];
    assert_eq!(words, expected);
    let texts = code.iter().filter_map(|(line, token)| match token {
        Token::Text(text) => Some((*line, text.as_str())),
        _ => None,
    });
    let texts: Vec<(usize, &str)> = texts.collect();
    let expected = [(4, r#"crate::c \" still"#), (4, r#"crate::"d""#), (5, "e")];
    assert_eq!(texts, expected);
}
