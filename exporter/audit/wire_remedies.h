// What is wrong on the wire, cause by cause, each with what to do about it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "exporter/audit/findings.h"
#include "exporter/audit/words.h"
#include "exporter/db/login_error.h"

namespace pgtls::audit {

struct Cause {
  std::vector<std::string> evidence;  // printable lines
  std::string remedy;
};

// Of PostgreSQL, or what `words` are of.
std::string_view LoginRemedy(db::LoginProblem problem, const Words& words = kWordsOfPostgres);
// Of a server that is known to be a PgBouncer. Empty: PostgreSQL's fits.
std::string_view PoolerLoginRemedy(db::LoginProblem problem);
// Where only the reason is known; never empty.
std::string_view PoolerLoginRemedy(FailureReason reason);
// Of kChainErrors in exporter/tls/verify.h. Empty for another text.
std::string ChainRemedy(std::string_view error, const Words& words = kWordsOfPostgres);
// Each with its error.
std::string ChainRemedies(const std::vector<std::string_view>& errors, const Words& words);
// Of a fatal TLS alert that the server sent (RFC 8446, 6): what the client did wrong, as a login would call it.
db::LoginProblem ProblemOfAlert(int alert);

// Why a client that insists on TLS (sslmode=require) does not connect from here. Empty: not known.
std::vector<Cause> WhyTlsFails(const Evidence& evidence);
// REQUIRES: the chain was checked and is not verified.
Cause WhyNotVerified(const Evidence& evidence);
// REQUIRES: the certificate is for another host than `host`, which may be empty.
Cause WhyWrongHost(const std::string& host, const tls::Verification& verification, const Words& words);
// libpq binds a SCRAM login over TLS to a digest that the certificate's signature names. Without one it gives up with
// "could not find digest for NID UNDEF", whatever the sslmode. The signature is the issuer's, not of the server's key.
bool HasBindingDigest(const tls::CertificateFacts& certificate);
// Which root certificate file is in force; empty: none.
std::string RootLine(const tls::EndpointFacts& endpoint);

}  // namespace pgtls::audit
