#define OPENSSL_SUPPRESS_DEPRECATED  // PostgreSQL asks these questions by DH

#include "exporter/tls/next_start.h"

#include <openssl/dh.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "exporter/tls/memory_file.h"
#include "exporter/tls/openssl.h"
#include "exporter/tls/start_settings.h"

namespace pgtls::tls {
namespace {

using DhPtr = std::unique_ptr<DH, OpensslDeleter<DH_free>>;
using NameStackPtr =
    std::unique_ptr<STACK_OF(X509_NAME),
                    decltype([](STACK_OF(X509_NAME) * names) { sk_X509_NAME_pop_free(names, X509_NAME_free); })>;

// The strictest level that a distribution's OpenSSL has by default.
constexpr int kStrictestLevel = 2;

int NoteQuestion(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

// Takes the first error of the queue, the one that PostgreSQL logs, and empties it.
unsigned long TakeError() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  return code;
}

std::string ReasonOf(unsigned long code) {
  if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
    switch (ERR_GET_REASON(code)) {
      case SSL_R_EE_KEY_TOO_SMALL:
      case SSL_R_CA_KEY_TOO_SMALL:
      case SSL_R_DH_KEY_TOO_SMALL:
        return "key_too_small";
      case SSL_R_CA_MD_TOO_WEAK:
      case SSL_R_UNKNOWN_CERTIFICATE_TYPE:
        return "other";
      default:
        break;
    }
  }
  if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) return "no_certificate";
  if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_NO_CERTIFICATE_OR_CRL_FOUND) {
    return "no_certificate";
  }
  return "malformed";
}

// be_tls_init at one security level.
class Attempt {
 public:
  // level: nullopt for this library's default.
  Attempt(const StartInput& input, std::optional<int> level, NextStart& result)
      : input_(input), result_(result), context_(SSL_CTX_new(TLS_method())) {
    if (level) SSL_CTX_set_security_level(context_.get(), *level);
  }

  void Run() {
    ERR_clear_error();
    Certificate();
    Key();
    DhParams();
    Ca();
    Crl();
    ERR_clear_error();
  }

 private:
  void Fail(const char* role, const StartFile& file, std::string reason) {
    result_.failures.push_back({role, file.path, std::move(reason)});
  }

  // Whether there are bytes to continue with.
  bool Readable(const char* role, const StartFile& file) {
    for (const std::string& problem : file.problems) Fail(role, file, problem);
    if (!file.problems.empty()) return false;
    if (!file.bytes) result_.unknown.push_back({role, file.unknown});
    return file.bytes.has_value();
  }

  static bool IsUnset(const StartFile& file) { return file.path.empty() && file.unknown.empty(); }

  void Certificate() {
    if (!Readable("server", input_.certificate)) return;
    const MemoryFile file(*input_.certificate.bytes);
    if (SSL_CTX_use_certificate_chain_file(context_.get(), file.path().c_str()) == 1) {
      has_certificate_ = true;
      return;
    }
    // An algorithm that this library does not know, another may.
    const unsigned long error = TakeError();
    const BioPtr bio = ReadBio(*input_.certificate.bytes);
    const X509Ptr certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoteQuestion, &ignored_));
    const bool unknown_key = certificate != nullptr && X509_get0_pubkey(certificate.get()) == nullptr;
    ERR_clear_error();
    if (unknown_key && !input_.same_library) {
      result_.unknown.push_back({"server", "key_algorithm"});
    } else {
      Fail("server", input_.certificate, unknown_key ? "other" : ReasonOf(error));
    }
  }

  void Key() {
    if (!Readable("key", input_.key)) return;
    bool asked = false;
    const BioPtr bio = ReadBio(*input_.key.bytes);
    const EvpPkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoteQuestion, &asked));
    ERR_clear_error();
    if (asked) {
      // Without a command OpenSSL asks on the terminal; a server that pg_ctl or systemd starts has none.
      if (input_.passphrase_command == false) {
        Fail("key", input_.key, "other");
      } else {
        result_.unknown.push_back({"key", "passphrase"});
      }
    } else if (key == nullptr) {
      Fail("key", input_.key, "malformed");
    } else if (has_certificate_ && (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1 ||
                                    SSL_CTX_check_private_key(context_.get()) != 1)) {
      Fail("key", input_.key, "key_mismatch");
    } else if (!input_.certificate.bytes && input_.certificate.problems.empty()) {
      result_.unknown.push_back({"key", "certificate"});  // whether they are a pair
    }
    ERR_clear_error();
  }

  void DhParams() {
    if (IsUnset(input_.dh_params) || !Readable("dh", input_.dh_params)) return;
    const BioPtr bio = ReadBio(*input_.dh_params.bytes);
    const DhPtr params(PEM_read_bio_DHparams(bio.get(), nullptr, NoteQuestion, &ignored_));
    int flaws = 0;
    const bool sound = params != nullptr && DH_check(params.get(), &flaws) != 0 &&
                       (flaws & DH_CHECK_P_NOT_PRIME) == 0 &&
                       ((flaws & DH_NOT_SUITABLE_GENERATOR) == 0 || (flaws & DH_CHECK_P_NOT_SAFE_PRIME) == 0);
    ERR_clear_error();
    if (!sound) {
      Fail("dh", input_.dh_params, "malformed");
    } else if (SSL_CTX_set_tmp_dh(context_.get(), params.get()) != 1) {
      Fail("dh", input_.dh_params, ReasonOf(TakeError()));
    }
  }

  void Ca() {
    if (IsUnset(input_.ca) || !Readable("ca", input_.ca)) return;
    const MemoryFile file(*input_.ca.bytes);
    if (SSL_CTX_load_verify_locations(context_.get(), file.path().c_str(), nullptr) != 1) {
      Fail("ca", input_.ca, ReasonOf(TakeError()));
      return;
    }
    const NameStackPtr names(SSL_load_client_CA_file(file.path().c_str()));
    if (names == nullptr) Fail("ca", input_.ca, ReasonOf(TakeError()));
    ERR_clear_error();
  }

  void Crl() {
    if (IsUnset(input_.crl) || !Readable("crl", input_.crl)) return;
    const MemoryFile file(*input_.crl.bytes);
    if (X509_STORE_load_locations(SSL_CTX_get_cert_store(context_.get()), file.path().c_str(), nullptr) != 1) {
      Fail("crl", input_.crl, ReasonOf(TakeError()));
    }
    ERR_clear_error();
  }

  const StartInput& input_;
  NextStart& result_;
  SslCtxPtr context_;
  bool has_certificate_ = false;
  bool ignored_ = false;
};

NextStart At(const StartInput& input, std::optional<int> level) {
  NextStart result;
  Attempt(input, level, result).Run();
  return result;
}

// As a library reads it that does not skip a byte order mark (before 3.0): the first line begins no block. Returns
// whether there is one.
bool HideMark(StartFile& file) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  const bool marked = file.bytes && file.bytes->starts_with(kByteOrderMark);
  if (marked) (*file.bytes)[0] = '#';
  return marked;
}

NextStart JudgeFiles(const StartInput& input) {
  if (input.same_library) return At(input, std::nullopt);
  // The server's library is not known. What fails in all of them without a security level fails, what passes the
  // strictest passes.
  StartInput older = input;
  bool marked = false;
  for (StartFile* file : {&older.certificate, &older.key, &older.ca, &older.crl}) marked |= HideMark(*file);
  NextStart strict = At(input, kStrictestLevel);
  if (strict.failures.empty() && !marked) return strict;
  NextStart result = At(input, 0);
  // The first 1.1.1 takes any size.
  std::erase_if(result.failures,
                [](const StartFailure& failure) { return failure.role == "dh" && failure.reason == "key_too_small"; });
  const NextStart old = At(older, 0);
  const auto is_in = [](const std::vector<StartFailure>& all) {
    return [&all](const StartFailure& failure) { return std::ranges::find(all, failure) != all.end(); };
  };
  const std::vector<StartFailure> lenient = std::exchange(result.failures, {});
  std::ranges::copy_if(lenient, std::back_inserter(result.failures), is_in(old.failures));
  for (const auto& [failures, why] : {std::pair{&std::as_const(strict).failures, "security_level"},
                                      {&old.failures, "openssl_version"},
                                      {&lenient, "openssl_version"}}) {
    for (const StartFailure& failure : *failures) {
      if (!is_in(result.failures)(failure)) result.unknown.push_back({failure.role, why});
    }
  }
  return result;
}

}  // namespace

std::string NextStart::ProblemOf(const std::string& role) const {
  const auto found = std::ranges::find(failures, role, &StartFailure::role);
  return found == failures.end() ? "" : found->reason;
}

NextStart JudgeNextStart(const StartInput& input) {
  NextStart result = JudgeFiles(input);
  JudgeStartSettings(input, result);
  return result;
}

}  // namespace pgtls::tls
