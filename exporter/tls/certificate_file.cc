#include "exporter/tls/certificate_file.h"

#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "exporter/tls/pkcs12.h"

namespace pgtls::tls {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";

bool IsCertificate(std::string_view label) {
  return label == PEM_STRING_X509 || label == PEM_STRING_X509_OLD || label == PEM_STRING_X509_TRUSTED;
}

class Parser {
 public:
  explicit Parser(CertificateFile& file) : file_(file) {}

  void Pem(std::string_view bytes) {
    for (std::size_t begin = bytes.find(kBegin); begin != std::string_view::npos && !file_.truncated;) {
      const std::size_t label_start = begin + kBegin.size();
      const std::size_t label_end = bytes.find(kDashes, label_start);
      const std::size_t line_end = bytes.find('\n', label_start);
      std::size_t next = label_start;
      if (label_end != std::string_view::npos && (line_end == std::string_view::npos || label_end < line_end)) {
        const std::string_view label = bytes.substr(label_start, label_end - label_start);
        next = Block(bytes, begin, label);
      }
      begin = bytes.find(kBegin, next);
    }
  }

  // One certificate or list after the other. Editors and transfers leave a line end behind them, which OpenSSL ignores.
  bool Der(std::string_view bytes) {
    constexpr std::string_view kPadding("\0\t\n\r ", 5);
    bool any = false;
    while (!bytes.empty() && DerObject(bytes)) {
      any = true;
      bytes.remove_prefix(std::min(bytes.find_first_not_of(kPadding), bytes.size()));
    }
    if (any && !bytes.empty()) ++file_.malformed;
    return any;
  }

  bool Pkcs12(std::string_view bytes, const std::optional<std::string>& password, long max_iterations) {
    const Pkcs12Certificates found = ReadPkcs12(bytes, password, max_iterations);
    for (const X509Ptr& certificate : found.certificates) Add(certificate.get());
    file_.malformed += found.opened ? 0 : 1;
    file_.pkcs12_problem = found.problem;
    return found.is_pkcs12;
  }

  DecodedFile TakeDecoded() { return std::move(decoded_); }

 private:
  // Takes the object at the start of `bytes` off them.
  bool DerObject(std::string_view& bytes) {
    const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
    const auto* end = data;
    if (const X509Ptr read{d2i_X509(nullptr, &end, static_cast<long>(bytes.size()))}) {
      Add(read.get());
    } else if (const X509CrlPtr crl{d2i_X509_CRL(nullptr, &(end = data), static_cast<long>(bytes.size()))}) {
      Add(crl.get());
    } else {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(end - data));
    return true;
  }

  // Returns the position at which the search for the next block continues.
  std::size_t Block(std::string_view bytes, std::size_t begin, std::string_view label) {
    const bool certificate = IsCertificate(label);
    const bool crl = label == PEM_STRING_X509_CRL;
    if (certificate && position_ == kMaxCertificatesPerFile) {
      file_.truncated = true;
      return bytes.size();
    }
    const std::string end_line = "-----END " + std::string(label) + std::string(kDashes);
    const std::size_t after_label = begin + kBegin.size() + label.size() + kDashes.size();
    const std::size_t end = bytes.find(end_line, after_label);
    const std::size_t following = bytes.find(kBegin, after_label);
    if (end == std::string_view::npos || (following != std::string_view::npos && following < end)) {
      // Cut short. What follows may be whole.
      if (certificate) ++position_;
      if (certificate || crl) ++file_.malformed;
      return after_label;
    }
    const std::string_view block = bytes.substr(begin, end + end_line.size() - begin);
    if (certificate) Certificate(block);
    if (crl) Crl(block);
    if (!certificate && !crl) ++file_.other_blocks;
    return begin + block.size();
  }

  void Certificate(std::string_view block) {
    const BioPtr bio = ReadBio(block);
    // The variant that also takes TRUSTED CERTIFICATE. Without a password callback of its own OpenSSL asks on the
    // terminal.
    const X509Ptr certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassword, nullptr));
    if (certificate == nullptr) {
      ++position_;
      ++file_.malformed;
      return;
    }
    Add(certificate.get());
  }

  void Crl(std::string_view block) {
    const BioPtr bio = ReadBio(block);
    if (const X509CrlPtr crl{PEM_read_bio_X509_CRL(bio.get(), nullptr, NoPassword, nullptr)}) {
      Add(crl.get());
    } else {
      ++file_.malformed;
    }
  }

  void Add(X509* certificate) {
    if (position_ == kMaxCertificatesPerFile) {
      file_.truncated = true;
      return;
    }
    file_.certificates.push_back({position_++, FactsOf(certificate)});
    decoded_.certificates.push_back(Shared(certificate));
  }

  void Add(X509_CRL* crl) {
    file_.crls.push_back(FactsOf(crl));
    decoded_.crls.push_back(DerOf(crl));
  }

  static int NoPassword(char*, int, int, void*) { return -1; }

  CertificateFile& file_;
  DecodedFile decoded_;
  std::size_t position_ = 0;
};

}  // namespace

CertificateFile ParseCertificateFile(std::string_view bytes, const std::optional<std::string>& pkcs12_password,
                                     long max_pkcs12_iterations) {
  CertificateFile file;
  if (bytes.size() > kMaxCertificateFileBytes) {
    file.malformed = 1;
    file.decoded = std::make_shared<const DecodedFile>();
    return file;
  }
  Parser parser(file);
  // DER begins with a SEQUENCE; so may text, which then is neither.
  const bool binary =
      bytes.starts_with('\x30') && (parser.Der(bytes) || parser.Pkcs12(bytes, pkcs12_password, max_pkcs12_iterations));
  if (!binary) parser.Pem(bytes);
  file.decoded = std::make_shared<const DecodedFile>(parser.TakeDecoded());
  ERR_clear_error();
  return file;
}

}  // namespace pgtls::tls
