# Everything that is checked before a change lands, in one line: `just ci`.
ci: fmt clippy test doc deny machete

fmt:
    cargo fmt --check

clippy:
    cargo clippy --locked --all-targets -- -D warnings

test:
    cargo test --locked

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

deny:
    cargo deny --locked check bans licenses sources

# Known vulnerabilities; needs the advisory database from the network.
advisories:
    cargo deny --locked check advisories

machete:
    cargo machete

# The contract against the STANDARD rules of buf.
lint-proto:
    cd proto && buf lint

# Side by side, in one run.
bench:
    cargo bench --locked

# Throws texts at a parser until it falls: `policies`, `cases` or `differences`. Needs the nightly toolchain and cargo-fuzz.
fuzz target seconds='600':
    mkdir -p fuzz/target/kept/{{target}}
    cargo +nightly fuzz run --sanitizer none {{target}} fuzz/target/kept/{{target}} fuzz/corpus/{{target}} -- \
        -dict=fuzz/dictionary.txt -max_total_time={{seconds}} -timeout=2 -rss_limit_mb=1024 -max_len=4096

# Take over goldens that were changed on purpose.
bless:
    UPDATE_EXPECT=1 cargo test --locked
