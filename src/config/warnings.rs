//! What is valid but probably not intended.

mod policies;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::Config;
use crate::{
    callers::CallerConfig,
    files::{Exposure, is_reachable, writers},
    jwt::Keys,
    secrets::{Secret, exposures},
};

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
        let secrets = self.exposed_secrets().into_iter();
        let secrets =
            secrets.map(|exposure| format!("a file with a secret is exposed: {exposure}"));
        let trusted = self.exposed_trust().into_iter();
        let trusted = trusted
            .map(|exposure| format!("a file that decides who is trusted is exposed: {exposure}"));
        let exposed = secrets.chain(trusted);
        let dumps = self.core_dumps.then(|| {
            "process.core_dumps permits core dumps, which contain secrets and personal data: switch it off after the investigation".to_owned()
        });
        let quotas = per_second.into_iter().chain(burst);
        let plain = self.plain_public();
        let session = self.session_warning().into_iter();
        let session = session
            .chain(self.page_warning())
            .chain(self.loop_warning());
        let callers = self.callers_warnings().into_iter().chain(session);
        let rest = dumps.into_iter().chain(exposed).chain(callers);
        let plain = plain.into_iter().chain(self.plain_credentials());
        quotas.chain(plain).chain(rest).collect()
    }

    /// A token of a session that does not say whose it is counts for any person that a header names.
    fn session_warning(&self) -> Option<String> {
        let session = self.session.as_ref()?;
        (session.verification_claim.is_none() && session.identity_claim.is_none()).then(|| {
            "neither authentication.verification_claim nor authentication.identity_claim is set: nothing shows that the token of a session and the id in a header are the same person's; set one, or let the gateway alone set the token's header".to_owned()
        })
    }

    /// A page to which no gateway may send anybody.
    fn page_warning(&self) -> Option<String> {
        self.step_up.page.as_ref()?;
        let mut callers = self.callers.iter();
        let may_begin = |caller: &CallerConfig| caller.permissions.step_ups;
        (!self.callers.is_empty() && !callers.any(may_begin)).then(|| {
            "step_up.state_key is set, but no caller has step_ups = true: people are sent to the page for gateways that may begin step-ups; give it to the gateway".to_owned()
        })
    }

    /// A page from which people never get in while their gateway sends the old id.
    fn loop_warning(&self) -> Option<String> {
        let page = self.step_up.page.as_ref()?;
        (page.hand_on.is_none() && !self.step_up.follow_successors).then(|| {
            "step_up.state_key is set, but neither step_up.hand_on nor step_up.follow_successors: a gateway that goes on sending the old id sends people to the page for ever, with a link each time; set step_up.hand_on where the gateway passes /.verigate/hand-on and the cookie to Verigate, or step_up.follow_successors with one instance".to_owned()
        })
    }

    /// How the files with secrets are exposed to others. Blocks.
    pub fn exposed_secrets(&self) -> BTreeSet<Exposure> {
        let webhook = self.webhook.as_ref();
        let hooks =
            webhook.map(|webhook| [Some(&webhook.secret), webhook.previous_secret.as_ref()]);
        let page = self.step_up.page.as_ref();
        let page = page.map(|page| [Some(&page.key), page.previous_key.as_ref()]);
        [&self.incode.api_key, &self.incode.secret]
            .into_iter()
            .chain(hooks.into_iter().flatten().flatten())
            .chain(page.into_iter().flatten().flatten())
            .chain(&self.journal.signing_key)
            .chain(&self.journal.identifier_key)
            .flat_map(Secret::exposures)
            .chain(self.tls_secrets().flat_map(exposures))
            .chain(self.own_secrets().flat_map(exposures))
            .collect()
    }

    /// How others can get at the files that decide who is trusted, and that everybody may read: by adding files beside them. Those of
    /// [`Config::exposed_secrets`] are left out. Blocks.
    pub fn exposed_trust(&self) -> BTreeSet<Exposure> {
        let exposed: BTreeSet<_> = self.trusted_files().flat_map(writers).collect();
        exposed
            .difference(&self.exposed_secrets())
            .cloned()
            .collect()
    }

    /// Files that everybody may read, and by which callers and the vendor are trusted.
    fn trusted_files(&self) -> impl Iterator<Item = &Path> {
        let issuers = self.callers.iter().filter_map(|caller| caller.jwt.as_ref());
        let files = issuers.filter_map(|jwt| match &jwt.keys {
            Keys::File(path) => Some(path),
            Keys::Url { ca, .. } => ca.as_ref(),
        });
        let trusted = self.tls.iter().flat_map(|tls| {
            let lists = [&tls.client_ca, &tls.client_crl];
            lists.into_iter().flatten()
        });
        let vendor = &self.incode.files.ca;
        let all = files.chain(trusted).chain(vendor).chain(&self.file);
        all.map(PathBuf::as_path)
    }

    /// The files with private keys, and with the password of the proxy.
    fn tls_secrets(&self) -> impl Iterator<Item = &Path> {
        let own = &self.incode.files;
        let keys = self.tls.iter().map(|listener| &listener.key);
        let own_key = own.certificate.as_ref().map(|(_, key)| key);
        let all = keys.chain(own_key).chain(&own.proxy_credentials);
        all.map(PathBuf::as_path)
    }

    /// The configuration file, if there is a secret in it and others can get to it.
    fn own_secrets(&self) -> impl Iterator<Item = &Path> {
        let file = self.file.as_deref();
        let file = file.filter(|file| self.file_has_secret && is_reachable(file));
        file.into_iter()
    }

    /// The listener for the Internet is reached over the Internet, in plain text.
    fn plain_public(&self) -> Option<String> {
        let plain = self.tls.public.is_none();
        let address = self
            .public
            .as_ref()
            .filter(|address| plain && !address.is_local())?;
        Some(format!(
            "public.listen ({address}) is not a loopback address and has no TLS: anybody who is on the way reads the secret of webhooks; set [public.tls], or put a proxy that terminates TLS in front of it, and listen on 127.0.0.1"
        ))
    }

    /// Listeners on which credentials of callers pass over the network in plain text.
    fn plain_credentials(&self) -> Vec<String> {
        let mut callers = self.callers.iter();
        let are_sent = callers.any(|caller| !caller.tokens.is_empty() || caller.jwt.is_some());
        let listeners = [
            ("grpc", &self.grpc, &self.tls.grpc),
            ("http", &self.http, &self.tls.http),
            ("admin", &self.admin, &self.tls.admin),
        ];
        let plain = listeners
            .into_iter()
            .filter(|(_, address, tls)| are_sent && !address.is_local() && tls.is_none());
        plain
            .map(|(name, address, _)| format!("{name}.listen ({address}) is not a loopback address and has no TLS: anybody who is on the way reads the tokens of callers and can use them; set [{name}.tls], or put a proxy that terminates TLS in front of it, and listen on 127.0.0.1"))
            .collect()
    }

    fn callers_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        match (self.insecure_allow_anonymous, self.callers.is_empty()) {
            (true, true) => warnings.push("insecure_allow_anonymous: anybody who reaches the listeners may ask for every decision and begin step-ups; configure callers ([callers.NAME]) and remove it".to_owned()),
            (true, false) => warnings.push("insecure_allow_anonymous has no effect while callers are configured; remove it".to_owned()),
            (false, _) => {}
        }
        let asks_for_certificates = self.tls.iter().any(|tls| tls.client_ca.is_some());
        for caller in &self.callers {
            let name = &caller.name;
            if !caller.certificates.is_empty() && !asks_for_certificates {
                warnings.push(format!("callers.{name}.certificate has no effect, because no listener asks for certificates: set client_ca of [grpc.tls] or [http.tls]"));
            }
            if !caller.has_credential() {
                warnings.push(format!("callers.{name} has no credential, so it cannot make calls: give it token_sha256, certificate or jwt"));
            }
            if caller.permissions.policies.is_empty() && !caller.permissions.admin {
                warnings.push(format!(
                    "callers.{name} may ask for no policy: give it policies"
                ));
            }
        }
        warnings
    }
}
