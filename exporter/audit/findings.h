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

void AddSettings(const Evidence& evidence, Findings& findings);
void AddSessions(const Evidence& evidence, Findings& findings);
void AddHba(const Evidence& evidence, Findings& findings);
void AddWire(const Evidence& evidence, Findings& findings);
void AddCertificates(const Evidence& evidence, Findings& findings);
// Why the exporter could not log in.
void AddLogin(const Evidence& evidence, Findings& findings);
// ssl_ca_file and the revocation lists: which client certificates are accepted, and until when.
void AddClientCertificates(const Evidence& evidence, Findings& findings);
// What could not be looked at, and what would allow it.
void AddCoverage(const Evidence& evidence, Findings& findings);

}  // namespace pgtls::audit
