//! Who the HTTP listeners answer to: the names of the service, and the proxies in front of it.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use url::{Host, Url};

use super::{
    reader::Reader,
    section::{Reported, Section},
};
use crate::{
    http::{Config, HostName, Rules},
    web_url::is_secure,
};

/// Reads the rules of every HTTP listener.
pub(super) fn read(reader: &mut Reader) -> Result<Config, Reported> {
    let public = public_url(&mut reader.section("http"));
    let http = rules(&mut reader.section("http"));
    let internet = rules(&mut reader.section("public"));
    let admin = hosts(&mut reader.section("admin"));
    let public = public?;
    let with_public = |rules: Rules| Rules {
        hosts: rules.hosts.into_iter().chain(public.clone()).collect(),
        ..rules
    };
    let admin = Rules {
        hosts: admin?,
        trusted_proxies: Vec::new(),
    };
    Ok(Config {
        http: with_public(http?),
        public: with_public(internet?),
        admin: with_public(admin),
    })
}

/// The host of `public_url`; `None` if that is not set, or if the host is an IP address, which may be asked for in any case.
fn public_url(section: &mut Section<'_>) -> Result<Option<HostName>, Reported> {
    let text = section.text("public_url");
    if text.is_empty() {
        return Ok(None);
    }
    let hint = r#"such as "https://verigate.example.org"; http only to a loopback address"#;
    let url = section.web_url("public_url", hint)?;
    host_of(&url).map_err(|problem| {
        let message = format!("http.public_url: `{text}` {problem}");
        section.problem("public_url", message, Some(hint))
    })
}

fn host_of(url: &Url) -> Result<Option<HostName>, &'static str> {
    if !is_secure(url) {
        return Err("is not https");
    }
    if url.query().is_some() {
        return Err("must not have a query");
    }
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = HostName::parse(name).map_err(|_| "has no valid host")?;
            Ok(Some(name))
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Ok(None),
        None => Err("has no host"),
    }
}

/// The rules of a listener that may stand behind proxies.
fn rules(section: &mut Section<'_>) -> Result<Rules, Reported> {
    let hosts = hosts(section);
    let trusted_proxies = trusted_proxies(section);
    Ok(Rules {
        hosts: hosts?,
        trusted_proxies: trusted_proxies?,
    })
}

fn hosts(section: &mut Section<'_>) -> Result<BTreeSet<HostName>, Reported> {
    let hint = r#"such as "verigate.example.org", without a port; IP addresses and `localhost` may be asked for in any case"#;
    let hosts = each(section, "hosts", hint, |text| {
        HostName::parse(text).map_err(|_| "is not the name of a host".to_owned())
    });
    Ok(hosts?.into_iter().collect())
}

fn trusted_proxies(section: &mut Section<'_>) -> Result<Vec<IpNet>, Reported> {
    let hint = r#"such as "10.0.0.1" or "10.0.0.0/8""#;
    each(section, "trusted_proxies", hint, |text| {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.to_canonical().into());
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| "is not an IP address or a network of them".to_owned())?;
        if network.trunc() != network {
            return Err(format!(
                "is one address of a network: write {}",
                network.trunc()
            ));
        }
        if network.prefix_len() == 0 {
            return Err(
                "is every address, so that anybody could say where a call comes from".to_owned(),
            );
        }
        Ok(network)
    })
}

/// Reads each text of a list.
fn each<T>(
    section: &mut Section<'_>,
    key: &str,
    hint: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Reported> {
    let name = section.name();
    let mut values = Ok(Vec::new());
    for text in section.list(key) {
        let value = match text {
            Some(text) => {
                parse(text).map_err(|problem| format!("{name}.{key}: `{text}` {problem}"))
            }
            None => Err(format!("{name}.{key} is not a list of texts")),
        };
        match (value, &mut values) {
            (Ok(value), Ok(values)) => values.push(value),
            (Ok(_), Err(_)) => {}
            (Err(message), values) => *values = Err(section.problem(key, message, Some(hint))),
        }
    }
    values
}
