//! Requests on the gRPC port that are not taken for calls: each reason with its response, its counter and its log line.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    http::{
        HeaderName, Method, StatusCode,
        header::{ACCEPT, ALLOW, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use prometheus::IntCounterVec;
use tonic::{Status, metadata::MetadataValue};

use crate::{
    clock::Clock,
    deps::Deps,
    listener::NOT_HTTP2,
    log_throttle::{LogThrottle, throttled},
    metrics::counter_by,
};

/// Why a request is not taken for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    /// It is not HTTP/2.
    NotHttp2,
    /// Its content type is not that of gRPC with protobuf.
    ContentType,
    /// Its method is not POST.
    Method,
    /// Its headers take more bytes than they may.
    MetadataTooLarge {
        /// What they take.
        bytes: usize,
        /// What they may take.
        bytes_max: usize,
    },
    /// Its messages are compressed in a way that this service does not know.
    Encoding,
}

impl Rejection {
    /// The names of all reasons in metrics and logs.
    const REASONS: [&str; 5] = [
        "not_http2",
        "content_type",
        "method",
        "metadata_too_large",
        "encoding",
    ];

    /// The name of the reason.
    fn reason(self) -> &'static str {
        match self {
            Self::NotHttp2 => "not_http2",
            Self::ContentType => "content_type",
            Self::Method => "method",
            Self::MetadataTooLarge { .. } => "metadata_too_large",
            Self::Encoding => "encoding",
        }
    }

    /// What to do about it. `None` for calls, which are logged as such.
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotHttp2 => Some(
                "gRPC needs HTTP/2: look for a gateway, probe or browser that was pointed at the gRPC port, or for a client that uses TLS where [grpc.tls] is not set",
            ),
            Self::ContentType => {
                Some("look for a gateway, probe or browser that was pointed at the gRPC port")
            }
            Self::Method => Some("gRPC calls are POST: look for a gateway that changes them"),
            Self::MetadataTooLarge { .. } | Self::Encoding => None,
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let plain =
            |status: StatusCode, name: HeaderName, value: &'static str, text: &'static str| {
                (status, [(name, value)], text).into_response()
            };
        match self {
            Self::NotHttp2 => plain(StatusCode::UPGRADE_REQUIRED, UPGRADE, "HTTP/2.0", NOT_HTTP2),
            Self::ContentType => plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ACCEPT,
                "application/grpc, application/grpc+proto",
                "This port speaks gRPC only: the content type of a call is application/grpc.\n",
            ),
            Self::Method => plain(
                StatusCode::METHOD_NOT_ALLOWED,
                ALLOW,
                "POST",
                "This port speaks gRPC only: the method of a call is POST.\n",
            ),
            Self::MetadataTooLarge { bytes, bytes_max } => Status::resource_exhausted(format!(
                "the headers, metadata included, are {bytes} bytes; the limit is {bytes_max}"
            ))
            .into_http(),
            Self::Encoding => {
                let mut status = Status::unimplemented(
                    "`grpc-encoding` must be gzip or identity, and given once",
                );
                let accepted = MetadataValue::from_static("gzip,identity");
                status
                    .metadata_mut()
                    .insert("grpc-accept-encoding", accepted);
                status.into_http()
            }
        }
    }
}

/// Counts rejections, and logs the first of each kind in a minute.
#[derive(Debug)]
pub struct Rejections {
    total: IntCounterVec,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
}

impl Rejections {
    pub(super) fn new(deps: &Deps) -> Result<Self, prometheus::Error> {
        Ok(Self {
            total: counter_by(
                &deps.registry,
                "verigate_grpc_requests_rejected_total",
                "Requests on the gRPC port rejected before a handler, by reason.",
                "reason",
                Rejection::REASONS,
            )?,
            log: LogThrottle::default(),
            clock: Arc::clone(&deps.clock),
        })
    }

    /// Records a connection that does not begin as HTTP/2 does; the listener has answered it.
    pub fn not_http2(&self, from: IpAddr) {
        self.record(&Rejection::NotHttp2, from);
    }

    /// Records a rejection; the response to the request, which has this method and comes from here.
    pub(super) fn reject(&self, rejection: Rejection, method: &Method, from: IpAddr) -> Response {
        self.record(&rejection, from);
        let response = rejection.into_response();
        if method == Method::HEAD {
            response.map(|_| Body::empty())
        } else {
            response
        }
    }

    fn record(&self, rejection: &Rejection, from: IpAddr) {
        let reason = rejection.reason();
        self.total.with_label_values(&[reason]).inc();
        let Some(hint) = rejection.hint() else { return };
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "grpc_request_rejected" / reason,
            reason,
            %from,
            hint,
            "request on the gRPC port rejected"
        );
    }
}
