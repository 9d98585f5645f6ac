#include "exporter/audit/file_remedies.h"

#include <fmt/format.h>

#include "exporter/base/text.h"

namespace pgtls::audit {

std::string_view SettingOfRole(std::string_view role, const Words& words) {
  if (role == "server") return words.certificate;
  if (role == "ca") return words.ca;
  if (role == "crl") return "ssl_crl_file";
  if (role == "upstream") return "sslcert in primary_conninfo or of a subscription";
  return role == "extra" ? "collectors.certificates.files" : "";
}

std::string FileRemedy(std::string_view role, std::string_view problem, const std::string& path, const Words& words) {
  const std::string_view setting = SettingOfRole(role, words);
  const std::string file = Printable(path);
  const std::string reload = role == "extra" || role == "upstream" ? "" : Fill(" Then {reload_end}", words);
  const std::string_view reader = role == "extra" ? "the exporter's OS user" : words.os_user;
  if (problem == "missing") {
    return fmt::format("Put the file there, or correct {}.{}", setting, reload);
  }
  if (problem == "permission_denied") {
    return fmt::format("Let {} read the file and enter its directories: `namei -l {}` shows which one refuses.{}",
                       reader, file, reload);
  }
  if (problem == "unreadable") {
    return fmt::format("Set {} to a regular file of a certificate's size: `ls -l {}` shows what is there.{}", setting,
                       file, reload);
  }
  if (problem == "no_certificate") {
    return fmt::format(
        "Put a certificate in PEM format there ('-----BEGIN CERTIFICATE-----'). From DER: openssl x509 -inform DER -in "
        "{} -out NEW.pem.{}",
        file, reload);
  }
  if (problem == "no_crl") {
    return fmt::format(
        "Put a revocation list in PEM format there ('-----BEGIN X509 CRL-----'). From DER: openssl crl -inform DER -in "
        "{} -out NEW.pem.{}",
        file, reload);
  }
  if (problem == "malformed") {
    return fmt::format(
        "Replace the file: a block in it is cut off, damaged, or begins on the line on which another one ends. "
        "`openssl storeutl -noout {}` shows how far it can be read.{}",
        file, reload);
  }
  if (problem == "wrong_password") {
    return fmt::format(
        "Put the password of {} into the file that collectors.certificates.pkcs12_password_file names, which the "
        "exporter's OS user must be able to read: one for all PKCS#12 files.",
        file);
  }
  if (problem == "unsupported_encryption") {
    return fmt::format(
        "Convert {0} to an encryption that OpenSSL still supports: openssl pkcs12 -legacy -in {0} -nodes | openssl "
        "pkcs12 -export -out NEW.p12",
        file);
  }
  return "";
}

std::string ListDirectoryRemedy(std::string_view problem, const std::string& path) {
  const std::string file = Printable(path);
  if (problem == "missing") {
    return fmt::format(
        "Create {} and put the authorities' lists into it under the names that `openssl rehash` gives them, or correct "
        "ssl_crl_dir and SELECT pg_reload_conf();",
        file);
  }
  if (problem == "permission_denied") {
    return fmt::format(
        "Let the server's OS user read {0} and enter its directories: `namei -l {0}` shows which one "
        "refuses.",
        file);
  }
  if (problem == "unreadable") {
    return fmt::format("`ls -ld {}` shows what is there: ssl_crl_dir names a directory, and lists are regular files.",
                       file);
  }
  if (problem == "no_crl" || problem == "malformed") {
    return fmt::format(
        "Replace {} with the authority's current list in PEM format ('-----BEGIN X509 CRL-----'), and "
        "nothing else. The next connection reads it.",
        file);
  }
  return "";
}

}  // namespace pgtls::audit
