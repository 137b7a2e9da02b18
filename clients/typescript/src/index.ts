/** Asks Verigate whether a verification satisfies a policy. */

export type {
  Answer,
  Change,
  Decision,
  EvidenceInfo,
  EvidenceSource,
  Reason,
  ReasonCode,
  Remedy,
  StepUp,
  StepUpLink,
} from './answers.js';
export { Client } from './client.js';
export type { ConnectionSettings, Token } from './connection.js';
export { type ErrorCode, type FieldViolation, UnusableAnswerError, VerigateError } from './errors.js';
export type { Authentication, BeginStepUpRequest, CheckAccessRequest } from './requests.js';
export type { CallOptions, CheckOptions, ClientSettings } from './settings.js';
export type { CheckStream } from './stream.js';
