//! From a verdict to the status of the object: the same for files and for a cluster, and without a clock.
//!
//! - `Ready` sums up: its reason is that of the first condition that fails.
//! - `Reconciling` and `Stalled` are there only while they are true (kstatus). What only somebody's edit can mend is
//!   stalled, so that tools which wait give up at once; what time or another object may mend is reconciling.
//! - Every condition carries the generation that was judged, also when the verdict is bad.
//! - `lastTransitionTime` moves only when the status of its condition does.

use api::{
    AccountStatus, ClientSecretStatus, Condition, ConditionStatus, ConditionType, KeyState, KeyStatus, Kind,
    NEVER_OBSERVED, OidcApplicationStatus, OidcGroupStatus, OidcProviderStatus, OidcResourceStatus, OidcUserStatus,
    Reason, ServersStatus, SigningAlgorithm,
};
use crypto::Algorithm;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::verdict::{
    AccountFacts, ApplicationFacts, Credentials, Diagnostic, Facts, GroupFacts, KeyFacts, ProviderFacts, ResourceFacts,
    UserFacts, Verdict,
};

/// Characters of a condition's message at the most.
const MAX_MESSAGE: usize = 4096;

/// What is known beside the verdict.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// How many servers have loaded the object; `None`: the process itself serves what it compiled.
    pub servers: Option<Servers>,
    /// The conditions that the object shows now.
    pub previous: &'a [Condition],
    /// The time, RFC 3339. A text that is none counts as 1970.
    pub now: String,
}

/// How far the servers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    /// Servers that answer requests.
    pub serving: u32,
    /// Those of them that have loaded the object as it is now.
    pub loaded: u32,
}

/// The status of an OidcProvider. A verdict of another kind gives conditions alone, here as below.
pub fn provider_status(verdict: &Verdict, observed: &Observed<'_>) -> OidcProviderStatus {
    let nothing = ProviderFacts::default();
    let ProviderFacts { attached_applications, issuers, keys } = match &verdict.facts {
        Facts::Provider(facts) => facts,
        Facts::Application(_) | Facts::User(_) | Facts::Group(_) | Facts::Resource(_) => &nothing,
    };
    OidcProviderStatus {
        observed_generation: generation(verdict),
        attached_applications: i64::try_from(*attached_applications).ok(),
        issuers: issuers.clone(),
        keys: keys.iter().filter_map(key_status).collect(),
        servers: observed
            .servers
            .map(|servers| ServersStatus { ready: servers.serving.into(), synced: servers.loaded.into() }),
        conditions: conditions(Kind::OidcProvider, verdict, observed),
    }
}

/// The status of an OidcApplication.
pub fn application_status(verdict: &Verdict, observed: &Observed<'_>) -> OidcApplicationStatus {
    let nothing = ApplicationFacts::default();
    let ApplicationFacts { client_id, issuer, policy_name, credentials, accounts } = match &verdict.facts {
        Facts::Application(facts) => facts,
        Facts::Provider(_) | Facts::User(_) | Facts::Group(_) | Facts::Resource(_) => &nothing,
    };
    OidcApplicationStatus {
        observed_generation: generation(verdict),
        client_id: client_id.clone(),
        issuer: issuer.clone(),
        policy_name: policy_name.clone(),
        client_secret: client_secret(credentials),
        accounts: accounts
            .iter()
            .map(|AccountFacts { name, client_id, credentials, served: _ }| AccountStatus {
                name: name.clone(),
                client_id: client_id.clone(),
                client_secret: client_secret(credentials),
            })
            .collect(),
        conditions: conditions(Kind::OidcApplication, verdict, observed),
    }
}

fn client_secret(credentials: &Credentials) -> Option<ClientSecretStatus> {
    match credentials {
        Credentials::Unknown | Credentials::NotApplicable => None,
        Credentials::ClientSecret { secret_name, generated } => {
            let facts = generated.as_ref();
            let time = |seconds: Option<i64>| seconds.and_then(|at| Timestamp::from_second(at).ok()).map(Time);
            Some(ClientSecretStatus {
                secret_name: Some(secret_name.clone()),
                epoch: facts.and_then(|facts| i64::try_from(facts.epoch).ok()),
                observed_trigger: facts.map(|facts| facts.trigger.clone()).filter(|trigger| !trigger.is_empty()),
                last_rotation_time: time(facts.and_then(|facts| facts.since)),
                previous_expiration_time: time(facts.and_then(|facts| facts.previous_ends)),
            })
        }
    }
}

/// The status of an OidcUser.
pub fn user_status(verdict: &Verdict, observed: &Observed<'_>) -> OidcUserStatus {
    let nothing = UserFacts::default();
    let UserFacts { username, subject } = match &verdict.facts {
        Facts::User(facts) => facts,
        Facts::Provider(_) | Facts::Application(_) | Facts::Group(_) | Facts::Resource(_) => &nothing,
    };
    OidcUserStatus {
        observed_generation: generation(verdict),
        username: Some(username.clone()),
        subject: subject.clone(),
        conditions: conditions(Kind::OidcUser, verdict, observed),
    }
}

/// The status of an OidcGroup.
pub fn group_status(verdict: &Verdict, observed: &Observed<'_>) -> OidcGroupStatus {
    let nothing = GroupFacts::default();
    let GroupFacts { claim_value, members } = match &verdict.facts {
        Facts::Group(facts) => facts,
        Facts::Provider(_) | Facts::Application(_) | Facts::User(_) | Facts::Resource(_) => &nothing,
    };
    OidcGroupStatus {
        observed_generation: generation(verdict),
        claim_value: Some(claim_value.clone()),
        members: i64::try_from(*members).ok(),
        conditions: conditions(Kind::OidcGroup, verdict, observed),
    }
}

/// The status of an OidcResource.
pub fn resource_status(verdict: &Verdict, observed: &Observed<'_>) -> OidcResourceStatus {
    let nothing = ResourceFacts::default();
    let ResourceFacts { issuer, policy_name } = match &verdict.facts {
        Facts::Resource(facts) => facts,
        Facts::Provider(_) | Facts::Application(_) | Facts::User(_) | Facts::Group(_) => &nothing,
    };
    OidcResourceStatus {
        observed_generation: generation(verdict),
        issuer: issuer.clone(),
        policy_name: policy_name.clone(),
        conditions: conditions(Kind::OidcResource, verdict, observed),
    }
}

fn generation(verdict: &Verdict) -> i64 {
    verdict.generation.unwrap_or(NEVER_OBSERVED)
}

/// A condition before it has its times.
#[derive(Debug)]
struct Finding {
    type_: ConditionType,
    status: ConditionStatus,
    reason: Reason,
    message: String,
}

impl Finding {
    fn holds(type_: ConditionType) -> Self {
        let reason = type_.affirmative().unwrap_or(Reason::Pending);
        Self { type_, status: ConditionStatus::True, reason, message: holds(type_).to_owned() }
    }

    /// From the diagnostics against a condition, of which there is at least one.
    fn fails(type_: ConditionType, first: &Diagnostic, verdict: &Verdict) -> Self {
        let pending = first.reason == Reason::Pending;
        let status = if pending { ConditionStatus::Unknown } else { ConditionStatus::False };
        let lines: Vec<String> = verdict.against(type_).map(line).collect();
        Self { type_, status, reason: first.reason, message: clip(&lines.join("; ")) }
    }
}

/// What a condition that holds says. It is the same each time, so that no status is written for it.
const fn holds(type_: ConditionType) -> &'static str {
    match type_ {
        ConditionType::Accepted => "it is valid and permitted",
        ConditionType::ResolvedRefs => "everything that it refers to is there",
        ConditionType::CredentialsReady => "every Secret that it asks for is written",
        ConditionType::KeysReady => "every algorithm has an active key",
        ConditionType::Programmed => "every server has loaded it",
        ConditionType::Ready => "every other condition holds",
        // These say what they are about.
        ConditionType::Reconciling | ConditionType::Stalled => "",
    }
}

/// The conditions of an object, in the order in which one rests on another.
fn conditions(kind: Kind, verdict: &Verdict, observed: &Observed<'_>) -> Vec<Condition> {
    const OWN: [ConditionType; 5] = [
        ConditionType::Accepted,
        ConditionType::ResolvedRefs,
        ConditionType::CredentialsReady,
        ConditionType::KeysReady,
        ConditionType::Programmed,
    ];
    let mut findings: Vec<Finding> = OWN
        .into_iter()
        .filter(|type_| type_.applies_to(kind))
        .map(|type_| match (verdict.against(type_).next(), type_) {
            (Some(first), _) => Finding::fails(type_, first, verdict),
            (None, ConditionType::Programmed) => programmed(verdict, observed),
            (None, ConditionType::CredentialsReady) => credentials_ready(verdict),
            (None, _) => Finding::holds(type_),
        })
        .collect();
    let failing = findings.iter().find(|finding| finding.status != ConditionStatus::True);
    let ready = match failing {
        None => Finding::holds(ConditionType::Ready),
        Some(first) => Finding {
            type_: ConditionType::Ready,
            status: ConditionStatus::False,
            reason: first.reason,
            message: first.message.clone(),
        },
    };
    // An object is stalled as soon as one thing in it needs an edit, whatever else is under way.
    let stalled = verdict.diagnostics.iter().find(|diagnostic| needs_an_edit(diagnostic.reason));
    let progress = match (stalled, failing) {
        (_, None) => None,
        (Some(diagnostic), _) => Some((ConditionType::Stalled, diagnostic.reason, clip(&line(diagnostic)))),
        (None, Some(first)) => Some((ConditionType::Reconciling, first.reason, first.message.clone())),
    };
    findings.push(ready);
    if let Some((type_, reason, message)) = progress {
        findings.push(Finding { type_, status: ConditionStatus::True, reason, message });
    }
    findings.into_iter().map(|finding| timed(finding, generation(verdict), observed)).collect()
}

fn programmed(verdict: &Verdict, observed: &Observed<'_>) -> Finding {
    let type_ = ConditionType::Programmed;
    let waiting = |status, reason, message: String| Finding { type_, status, reason, message };
    if !verdict.served {
        let message = "there is nothing to serve until the other conditions hold".to_owned();
        return waiting(ConditionStatus::False, Reason::Pending, message);
    }
    match observed.servers {
        Some(Servers { serving: 0, .. }) => {
            waiting(ConditionStatus::False, Reason::NoServers, "no server of the provider is running".to_owned())
        }
        Some(Servers { serving, loaded }) if loaded < serving => {
            let message = format!("{loaded} of {serving} servers have loaded it");
            waiting(ConditionStatus::False, Reason::WaitingForServers, message)
        }
        None | Some(_) => Finding::holds(type_),
    }
}

/// Of the application and of each of its accounts.
fn credentials_ready(verdict: &Verdict) -> Finding {
    let type_ = ConditionType::CredentialsReady;
    let nothing = ApplicationFacts::default();
    let ApplicationFacts { credentials, accounts, .. } = match &verdict.facts {
        Facts::Application(facts) => facts,
        Facts::Provider(_) | Facts::User(_) | Facts::Group(_) | Facts::Resource(_) => &nothing,
    };
    let own = (None, credentials, verdict.served);
    let accounts = accounts.iter().map(|account| (Some(&account.name), &account.credentials, account.served));
    let all = || std::iter::once(own).chain(accounts.clone());
    let missing = all().find(|(_, credentials, served)| match credentials {
        Credentials::NotApplicable => false,
        Credentials::ClientSecret { .. } => !served,
        Credentials::Unknown => true,
    });
    match missing {
        Some((account, ..)) => Finding {
            type_,
            status: ConditionStatus::Unknown,
            reason: Reason::Pending,
            message: account.map_or_else(
                || "there are no credentials until the application is served".to_owned(),
                |name| format!("account `{name}` has no credentials until it is served"),
            ),
        },
        None if all().all(|(_, credentials, _)| *credentials == Credentials::NotApplicable) => {
            let message = "it needs no Secret".to_owned();
            Finding { reason: Reason::NotApplicable, message, ..Finding::holds(type_) }
        }
        None => Finding::holds(type_),
    }
}

/// Whether waiting is pointless. References may be mended by the object that they name, keys and seeds by whoever makes
/// them, and servers by themselves.
const fn needs_an_edit(reason: Reason) -> bool {
    match reason {
        Reason::Pending
        | Reason::ProviderNotFoundOrNotPermitted
        | Reason::SecretNotFoundOrWrongType
        | Reason::GroupNotFound
        | Reason::MemberNotFound
        | Reason::ResourceNotFoundOrNotPermitted
        | Reason::Rotating
        | Reason::SeedMissing
        | Reason::NoActiveKey
        | Reason::KeySecretMissing
        | Reason::WaitingForServers
        | Reason::NoServers
        | Reason::NotApplicable
        | Reason::Accepted
        | Reason::ResolvedRefs
        | Reason::CredentialsReady
        | Reason::KeysReady
        | Reason::Programmed
        | Reason::Ready => false,
        Reason::RedirectHostNotAllowed
        | Reason::LogoutHostNotAllowed
        | Reason::JWKSHostNotAllowed
        | Reason::IssuerHostNotAllowed
        | Reason::LoopbackNotAllowed
        | Reason::PrivateUseSchemeNotAllowed
        | Reason::GrantTypeNotAllowed
        | Reason::ResponseTypeNotAllowed
        | Reason::ScopeNotAllowed
        | Reason::ClientAuthenticationNotAllowed
        | Reason::ConsentSkipNotAllowed
        | Reason::SecretReferenceNotAllowed
        | Reason::ClientIDNotAllowed
        | Reason::LifetimeTooLong
        | Reason::ClientIDConflict
        | Reason::SubjectConflict
        | Reason::IssuerConflict
        | Reason::UsernameConflict
        | Reason::AudienceConflict
        | Reason::AudienceHostNotAllowed
        | Reason::UnsupportedValue
        | Reason::PasswordHashUnsupported
        | Reason::SecretConflict
        | Reason::Forbidden => true,
    }
}

fn timed(finding: Finding, generation: i64, observed: &Observed<'_>) -> Condition {
    let Finding { type_, status, reason, message } = finding;
    let before = observed.previous.iter().find(|condition| condition.type_ == type_ && condition.status == status);
    let now = || Time(observed.now.parse().unwrap_or(Timestamp::UNIX_EPOCH));
    Condition {
        type_,
        status,
        reason,
        message,
        observed_generation: generation,
        last_transition_time: before.map_or_else(now, |condition| condition.last_transition_time.clone()),
    }
}

fn line(diagnostic: &Diagnostic) -> String {
    if diagnostic.path.is_empty() {
        diagnostic.message.clone()
    } else {
        format!("{}: {}", diagnostic.path, diagnostic.message)
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MAX_MESSAGE - 1).chain(['…']).collect(),
    }
}

fn key_status(facts: &KeyFacts) -> Option<KeyStatus> {
    let KeyFacts { key_id, algorithm, state, since, remove_at } = facts;
    let algorithm = match algorithm {
        Algorithm::RS256 => SigningAlgorithm::RS256,
        Algorithm::PS256 => SigningAlgorithm::PS256,
        Algorithm::ES256 => SigningAlgorithm::ES256,
        Algorithm::ES384 => SigningAlgorithm::ES384,
        Algorithm::EdDSA => SigningAlgorithm::EdDSA,
        // A ring holds no symmetric keys.
        Algorithm::HS256 => return None,
    };
    let time = |seconds: i64| Timestamp::from_second(seconds).ok().map(Time);
    let (state, not_before) = match state {
        crypto::KeyState::Pending => (KeyState::Pending, None),
        crypto::KeyState::Active => (KeyState::Active, time(*since)),
        crypto::KeyState::Retiring => (KeyState::Retiring, None),
    };
    Some(KeyStatus { key_id: key_id.clone(), algorithm, state, not_before, remove_at: remove_at.and_then(time) })
}

#[cfg(test)]
mod tests;
