// The questions of the audit, by what they look at. Pure: facts in, findings out; what is not known leads to no finding
// here, and to one of AddCoverage.
#pragma once

#include "exporter/audit/finding.h"
#include "exporter/audit/known_facts.h"

namespace pgtls::audit {

using Evidence = KnownFacts;

// For a part or reason that its collector does not declare; tests hold that there is none.
inline constexpr std::string_view kNoRemedy = "Check the exporter's log and the server log.";

// What a remedy that refuses unencrypted connections begins with if the server has no TLS: without TLS, no client could
// connect. Otherwise empty.
std::string FirstTls(const Evidence& evidence);
// How the server is made to refuse unencrypted connections, in full sentences.
std::string RefuseUnencrypted(const Evidence& evidence);
// "insufficient_privilege: the role …", in one line.
std::string FailureText(const sampling::Failure& failure);
// Of the server's own name, or of another one.
Finding WrongHost(std::vector<std::string> evidence, std::string remedy);
Finding ChainNotVerified(std::vector<std::string> evidence, std::string remedy);
// A rule as it is named in evidence: file, line and text.
std::string RuleLine(const hba::Rule& rule);
// Those in force, else those of the file, without rules that no connection reaches. They live as long as `posture`.
std::vector<const hba::Rule*> ReachableRules(const hba::Posture& posture);

// How bad it is that the server accepts plaintext at its endpoint.
Severity EndpointPlaintext(const Evidence& evidence);
// Of a fact about one authority in ssl_ca_file. In a collection, such as the system's, most have no client here.
Severity OfAuthority(const tls::ClientTrust& trust, Severity severity);

void AddSettings(const Evidence& evidence, Findings& findings);
// The groups of the key exchange, and the cipher suites of TLS 1.3.
void AddKeyExchange(const Evidence& evidence, Findings& findings);
// How passwords are stored.
void AddPasswords(const Evidence& evidence, Findings& findings);
// Those of a PgBouncer.
void AddPooler(const Evidence& evidence, Findings& findings);
void AddSessions(const Evidence& evidence, Findings& findings);
// policy.require.
void AddPolicy(const Evidence& evidence, Findings& findings);
// What the server connects to itself, and who replicates from it.
void AddLinks(const Evidence& evidence, Findings& findings);
// What the server's log says of sessions that are over.
void AddLog(const Evidence& evidence, Findings& findings);
void AddHba(const Evidence& evidence, Findings& findings);
// Whom the maps of pg_ident.conf admit, of those that reachable rules name.
void AddIdentMaps(const Evidence& evidence, Findings& findings);
void AddWire(const Evidence& evidence, Findings& findings);
// What clients get that ask for other names than the server's own.
void AddNames(const Evidence& evidence, Findings& findings);
// When the client certificates expire that sessions use, and which of them were revoked.
void AddClientUses(const Evidence& evidence, Findings& findings);
// Which certificate ends the chain of the server's certificate before that one ends.
void AddChainEnds(const Evidence& evidence, Findings& findings);
// Which certificates of the server clients refuse because they were issued for another purpose.
void AddUsages(const Evidence& evidence, Findings& findings);
// Whether clients with the root certificate files of `roots` would accept the server.
void AddRoots(const Evidence& evidence, Findings& findings);
void AddCertificates(const Evidence& evidence, Findings& findings);
// Who may replace the private key.
void AddKeyDirectories(const Evidence& evidence, Findings& findings);
// Why the exporter could not log in.
void AddLogin(const Evidence& evidence, Findings& findings);
// ssl_ca_file and the revocation lists: which client certificates are accepted, and until when.
void AddClientCertificates(const Evidence& evidence, Findings& findings);
// What could not be checked, and what would allow it.
void AddCoverage(const Evidence& evidence, Findings& findings);

// All of these, critical ones first.
Findings FindingsOf(const Evidence& evidence);

}  // namespace pgtls::audit
