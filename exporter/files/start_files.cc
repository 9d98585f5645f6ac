#include "exporter/files/start_files.h"

#include <openssl/crypto.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <sstream>
#include <system_error>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/tls/certificate_file.h"
#include "exporter/tls/private_key.h"
#include "exporter/tls/same_library.h"
#include "exporter/tls/server_access.h"

namespace pgtls::files {
namespace {

using tls::StartFile;

constexpr unsigned kNullMajor = 1;
constexpr unsigned kNullMinor = 3;

class Reader {
 public:
  Reader(const StartAnswers& answers, const ServerPlace& place, int server_version)
      : answers_(answers), place_(place), input_(StartInputOf(answers, server_version)) {}

  StartJudgement Run() {
    user_ = tls::ServerUserOf(Setting(answers_.next, "data_directory"), place_.postmaster());
    input_.same_library = tls::UsesOurLibrary(place_.postmaster());
    input_.certificate = File("server", "ssl_cert_file");
    input_.key = Key();
    input_.ca = File("ca", "ssl_ca_file");
    input_.crl = File("crl", "ssl_crl_file");
    input_.dh_params = File("dh", "ssl_dh_params_file");
    result_.verdict = JudgeNextStart(input_);
    std::ranges::move(unknown_, std::back_inserter(result_.verdict.unknown));
    result_.no_hosts = NoHosts();
    Match();
    if (input_.key.bytes) OPENSSL_cleanse(input_.key.bytes->data(), input_.key.bytes->size());
    return std::move(result_);
  }

 private:
  // What the server will find under the path that a setting names.
  StartFile File(const std::string& role, std::string_view setting) {
    StartFile file = Find(role, setting);
    if (file.problems.empty() && file.unknown.empty()) Read(role, file);
    return file;
  }

  StartFile Find(const std::string& role, std::string_view setting) {
    StartFile file{.path = "", .problems = {}, .bytes = {}, .unknown = {}};
    access_ = {};
    if (!answers_.next.contains(setting)) {
      file.unknown = "setting_not_visible";
      return file;
    }
    if (Setting(answers_.next, setting).empty()) {
      file.problems.emplace_back("missing");  // counts only if the setting may not be empty
      return file;
    }
    file.path = AbsolutePath(answers_.next, setting);
    if (!place_.Holds(file.path)) {
      file.unknown = "other_file_system";
      return file;
    }
    if (!user_) {
      file.unknown = "data_directory";
      return file;
    }
    access_ = AccessOf(*user_, file.path);
    if (!access_.problem.empty()) file.problems.push_back(access_.problem);
    if (access_.readable) result_.server_may_read[role] = *access_.readable;
    return file;
  }

  void Read(const std::string& role, StartFile& file) {
    if (access_.status && !S_ISREG(access_.status->st_mode)) {
      NoRegularFile(*access_.status, file);
      return;
    }
    try {
      file.bytes = ReadFile(file.path, tls::kMaxCertificateFileBytes);
    } catch (const std::system_error& error) {
      file.unknown = ProblemOf(error.code());
    } catch (const Error&) {
      file.unknown = "too_large";
    }
    // Its content can be judged all the same.
    if (file.bytes && !access_.readable) unknown_.push_back({role, "server_access"});
  }

  static void NoRegularFile(const struct stat& status, StartFile& file) {
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) {
      file.problems.emplace_back("other");  // a directory has no content, a FIFO blocks the start
    } else if (major(status.st_rdev) == kNullMajor && minor(status.st_rdev) == kNullMinor) {
      file.bytes = "";
    } else {
      file.unknown = "device";
    }
  }

  // Nothing but empty lines and comments.
  bool NoHosts() const {
    const std::string path = AbsolutePath(answers_.next, "hosts_file");
    if (path.empty() || !place_.Holds(path)) return false;
    try {
      std::istringstream in(ReadFile(path, tls::kMaxCertificateFileBytes));
      for (std::string line; std::getline(in, line);) {
        const std::size_t first = line.find_first_not_of(" \t\r");
        if (first != std::string::npos && line[first] != '#') return false;
      }
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  // check_ssl_key_file_permissions (src/backend/libpq/be-secure-common.c), then its content.
  StartFile Key() {
    StartFile file = Find("key", "ssl_key_file");
    tls::KeyReport& report = result_.key.emplace();
    report.path = file.path;
    report.readable = access_.readable;
    if (access_.status) report.shared_directories = access_.shared_directories;
    if (access_.status && user_) {
      const tls::KeyFileStatus status = {S_ISREG(access_.status->st_mode), access_.status->st_mode & 07777,
                                         access_.status->st_uid};
      report.mode = KeyModeOk(status);
      report.owner = KeyOwnerOk(status, user_->uid);
      if (!status.regular) {
        file.problems = {"other"};
      } else if (!*report.owner) {
        file.problems.emplace_back("owner");
      } else if (!*report.mode) {
        file.problems.emplace_back("mode");
      }
    }
    if (file.problems.empty() && file.unknown.empty()) Read("key", file);
    return file;
  }

  // Judged for a key that the server refuses for its owner or mode, too.
  void Match() {
    if (input_.key.path.empty()) return;
    std::string key;
    try {
      key = input_.key.bytes ? *input_.key.bytes : ReadFile(input_.key.path, tls::kMaxCertificateFileBytes);
    } catch (const std::exception&) {
      if (access_missing()) result_.key->matches_certificate = false;
      return;
    }
    if (input_.certificate.bytes) {
      result_.key->matches_certificate = tls::KeyMatchesCertificate(key, *input_.certificate.bytes);
    }
    OPENSSL_cleanse(key.data(), key.size());
  }

  bool access_missing() const { return std::ranges::find(input_.key.problems, "missing") != input_.key.problems.end(); }

  const StartAnswers& answers_;
  const ServerPlace& place_;
  tls::StartInput input_;
  std::optional<tls::ServerUser> user_;
  tls::FileAccess access_;  // of the last file checked
  std::vector<tls::StartUnknown> unknown_;
  StartJudgement result_;
};

}  // namespace

tls::StartInput StartInputOf(const StartAnswers& answers, int server_version) {
  const auto value = [&answers](std::string_view name) {
    const auto found = answers.next.find(name);
    return found == answers.next.end() ? std::nullopt : std::optional(found->second);
  };
  tls::StartInput input;
  input.server_version = server_version;
  input.min_protocol_version = value("ssl_min_protocol_version");
  input.max_protocol_version = value("ssl_max_protocol_version");
  input.groups = value(server_version >= 180000 ? "ssl_groups" : "ssl_ecdh_curve");
  input.ciphers = value("ssl_ciphers");
  input.tls13_ciphers = value("ssl_tls13_ciphers");
  input.passphrase_command = answers.passphrase_command;
  return input;
}

StartJudgement JudgeStartHere(const StartAnswers& answers, const ServerPlace& place, int server_version) {
  return Reader(answers, place, server_version).Run();
}

}  // namespace pgtls::files
