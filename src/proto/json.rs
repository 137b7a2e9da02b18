//! Messages of the contract as the JSON that protobuf defines for them.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::DESCRIPTORS;

/// The contract; `None` if it cannot be read, which a test excludes.
static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok());

/// The message of this name in package `verigate.v1`, to be serialized to JSON; `None` if there is no such message.
pub fn as_json(name: &str, message: &impl Message) -> Option<DynamicMessage> {
    let pool = POOL.as_ref()?;
    let descriptor = pool.get_message_by_name(&format!("verigate.v1.{name}"))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok()
}

/// The message of this name in package `verigate.v1` that this JSON is; `None` if it is not of its form.
pub fn from_json<M: Message + Default>(name: &str, json: serde_json::Value) -> Option<M> {
    let pool = POOL.as_ref()?;
    let descriptor = pool.get_message_by_name(&format!("verigate.v1.{name}"))?;
    let message = DynamicMessage::deserialize(descriptor, json).ok()?;
    message.transcode_to().ok()
}
