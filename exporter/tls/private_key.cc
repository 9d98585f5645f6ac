#include "exporter/tls/private_key.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#include "exporter/tls/openssl.h"

namespace pgtls::tls {
namespace {

int NoteQuestion(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

bool KeyModeOk(const KeyFileStatus& status) {
  const mode_t forbidden = status.owner == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
  return status.regular && (status.mode & forbidden) == 0;
}

bool KeyOwnerOk(const KeyFileStatus& status, uid_t server_user) {
  return status.owner == 0 || status.owner == server_user;
}

std::optional<bool> KeyMatchesCertificate(std::string_view key_pem, std::string_view certificate_pem) {
  bool asked = false;
  const BioPtr certificate_bio = ReadBio(certificate_pem);
  const X509Ptr certificate(PEM_read_bio_X509_AUX(certificate_bio.get(), nullptr, NoteQuestion, &asked));
  const BioPtr key_bio = ReadBio(key_pem);
  const EvpPkeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, NoteQuestion, &asked));
  ERR_clear_error();
  if (certificate == nullptr || asked) return std::nullopt;
  const bool matches = key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return matches;
}

}  // namespace pgtls::tls
