# Every check that a change must pass: `just ci`.
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

# Checks for known vulnerabilities; needs network access for the advisory database.
advisories:
    cargo deny --locked check advisories

machete:
    cargo machete

# Builds what is shipped into `dist/`: the program with the list of its dependencies in it, its SBOM (CycloneDX) and their checksums. Needs
# cargo-auditable and cargo-cyclonedx. No folder and no time of the machine is in the program.
release out='dist':
    deploy/release {{out}}

# Builds the packages of what `just release` has made, and tests them. Needs buildah and podman.
packages out='dist':
    deploy/packages {{out}}

# Checks the contract against buf's STANDARD rules; needs buf.
lint-proto:
    cd proto && buf lint

# All benches in one run, so that they can be compared.
bench:
    cargo bench --locked

# Fuzzes one target: `policies`, `cases` or `differences`. Needs the nightly toolchain and cargo-fuzz.
fuzz target seconds='600':
    mkdir -p fuzz/target/kept/{{target}}
    cargo +nightly fuzz run --sanitizer none {{target}} fuzz/target/kept/{{target}} fuzz/corpus/{{target}} -- \
        -dict=fuzz/dictionary.txt -max_total_time={{seconds}} -timeout=2 -rss_limit_mb=1024 -max_len=4096

# Updates the goldens after an intended change; read the diff before you commit.
bless:
    UPDATE_EXPECT=1 cargo test --locked
