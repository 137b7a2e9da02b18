//! What is valid but probably not intended.

use super::Config;

impl Config {
    /// What is probably not meant, each in a sentence that says what to do.
    pub fn warnings(&self) -> Vec<String> {
        let (fetches, calls) = (self.cache.fetches, self.incode.rate);
        let below = |quota: &str, quota_is: u32, limit: &str, limit_is: u32| {
            (quota_is < limit_is).then(|| {
                format!(
                    "{quota} ({quota_is}) is below {limit} ({limit_is}): a caller that serves many people is rejected while the vendor could be asked; raise {quota}"
                )
            })
        };
        let per_second = below(
            "quota.fetches_per_second",
            fetches.per_second,
            "incode.rate",
            calls.per_second,
        );
        let burst = below(
            "quota.fetches_burst",
            fetches.burst,
            "incode.burst",
            calls.burst,
        );
        per_second
            .into_iter()
            .chain(burst)
            .chain(self.plain_public())
            .collect()
    }

    /// The listener for the Internet is reached over the Internet, in plain text.
    fn plain_public(&self) -> Option<String> {
        let address = self.public.as_ref().filter(|address| !address.is_local())?;
        Some(format!(
            "public.listen ({address}) is not a loopback address and has no TLS: anybody who is on the way reads the secret of webhooks; put a proxy that terminates TLS in front of it, and listen on 127.0.0.1"
        ))
    }
}
