// The certificates collector before files, a peer on the wire and a session of the test's.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "collectors/certificates.h"
#include "exporter/base/error.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/unprivileged.h"
#include "tests/collectors/wire_peer.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace pgtls::collectors {
using support::Families;
using testing::HasSubstr;
using testing::Not;

inline std::string Hex(const std::string& bytes) {
  std::string text = "\\x";
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

class CertificatesTest : public testing::Test {
 protected:
  void SetUp() override {
    harness_.peer = db::Peer{IpAddress::V4(0x7F000001), peer_.port(), "localhost", "ann", "shop"};
    harness_.target.options = {{"host", "localhost"},
                               {"sslrootcert", data_.path() + "/none"},
                               {"sslcert", data_.path() + "/none"},
                               {"ssl_min_protocol_version", "TLSv1.2"}};
    data_.Write("server.crt", leaf_.chain);
    data_.Write("server.key", leaf_.key);
    Local({{"ssl_cert_file", "server.crt"}, {"ssl_key_file", "server.key"}});
  }
  // The server runs on this machine and has these settings.
  void Local(const std::vector<std::pair<std::string, std::string>>& settings) {
    harness_.options<CertificatesOptions>().read_via = ReadVia::kLocal;
    if (!std::filesystem::exists(data_.path() + "/postmaster.pid")) {
      data_.Write("postmaster.pid", "1\n" + data_.path() + "\n1000\n5432\n");
    }
    harness_.fake.answers["certificates_settings"] = {{"name", "setting", "source", "boot_val"}, {}};
    const std::pair<std::string, std::string> always[] = {{"data_directory", data_.path()},
                                                          {"port", "5432"},
                                                          {"ssl", "on"},
                                                          {"ssl_groups", "prime256v1"},
                                                          {"ssl_ciphers", "HIGH"},
                                                          {"hba_file", data_.path() + "/pg_hba.conf"},
                                                          {"ssl_min_protocol_version", "TLSv1.2"},
                                                          {"ssl_max_protocol_version", ""},
                                                          {"ssl_tls13_ciphers", ""},
                                                          {"ssl_ca_file", ""},
                                                          {"ssl_crl_file", ""},
                                                          {"ssl_crl_dir", ""},
                                                          {"ssl_dh_params_file", ""},
                                                          {"ssl_passphrase_command", ""}};
    for (const auto& [name, value] : always) AddSetting(name, value);
    for (const auto& [name, value] : settings) AddSetting(name, value);
    Access({{"sees_files", "t"}, {"sees_hba", "t"}});
    harness_.fake.answers["certificates_file_settings"] = {{"sourcefile", "name", "setting", "failed"}, {}};
    harness_.fake.answers["certificates_upstream"] = {{"uri", "sslcert"}, {}};
    harness_.fake.answers["certificates_hba"] = {{"rows", "refused"}, {{"1", "0"}}};
  }
  void AddSetting(const std::string& name, const std::string& value, const std::string& source = "default",
                  const std::string& boot_value = "") {
    auto& rows = harness_.fake.answers["certificates_settings"].second;
    std::erase_if(rows, [&](const auto& row) { return row.front() == name; });
    rows.push_back({name, value, source, boot_value});
  }
  // What the role may ask for.
  void Access(const std::map<std::string, std::string>& given) {
    auto& [columns, rows] = harness_.fake.answers["certificates_access"];
    columns = {"has_function",      "has_whole",     "has_changed",    "has_private_key", "has_hosts",
               "has_file_settings", "has_hba_rules", "sees_files",     "sees_hba",        "has_sslcert",
               "start_time",        "loaded",        "loaded_exactly", "over_tcp"};
    rows = {{}};
    for (const std::string& column : columns) {
      const auto value = given.find(column);
      const std::string otherwise = column == "start_time" ? "1000" : column == "loaded" ? loaded_ : "f";
      rows.front().push_back(value == given.end() ? otherwise : value->second);
    }
  }
  // All that root has put there is the server's, whose user is another.
  void Give() const {
    if (geteuid() != 0) return;
    constexpr uid_t kServerUser = 1;
    ASSERT_EQ(chown(data_.path().c_str(), kServerUser, kServerUser), 0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_.path())) {
      ASSERT_EQ(lchown(entry.path().c_str(), kServerUser, kServerUser), 0);
    }
  }
  // A directory below data_ into which only its owner may look.
  void Closed(const std::string& name) {
    chmod(data_.path().c_str(), 0755);
    mkdir((data_.path() + "/" + name).c_str(), 0700);
  }
  void ViaSql(FakeSession::Rows files) {
    harness_.options<CertificatesOptions>().read_via = ReadVia::kAuto;
    Access({{"sees_files", "t"}, {"sees_hba", "t"}, {"has_function", "t"}, {"has_whole", "t"}, {"has_changed", "t"}});
    auto& [columns, rows] = harness_.fake.answers["certificates_files"];
    columns = {"role", "path", "problem", "data", "whole", "changed"};
    rows = std::move(files);
    for (auto& row : rows) {
      row.emplace_back("t");
      row.emplace_back("500");
    }
  }
  std::string Page() {
    Give();
    std::string page = harness_.CollectPage();
    for (std::size_t at = page.find(data_.path()); at != std::string::npos; at = page.find(data_.path())) {
      page.replace(at, data_.path().size(), "/data");
    }
    return page;
  }
  // The parts that were not seen, but for those of the next start.
  std::string Incomplete() { return Parts(false); }
  std::string UnknownOfStart() { return Parts(true); }
  std::string Parts(bool of_start) {
    Give();
    std::string text;
    for (const auto& [part, reason, detail] : harness_.Collect().incomplete) {
      if (part.starts_with("next_start") == of_start) text += part + ":" + reason + " ";
    }
    return text;
  }

  // The paths of ssl_crl_dir and of what is in it.
  std::vector<std::string> ListDirectory() {
    std::vector<std::string> paths;
    const auto inventory = harness_.Collect().facts.Get<tls::CertificateInventory>();
    for (const auto& file : inventory->files) {
      if (!file.of_list_directory) continue;
      paths.push_back(file.path.starts_with(data_.path()) ? "/data" + file.path.substr(data_.path().size())
                                                          : file.path);
    }
    return paths;
  }

  // "1", "0" or "-", and why.
  std::string Start() {
    const std::string page = Page();
    std::string text = "-";
    const std::string ok = support::Families(page, "pg_tls_next_start_ok{");
    if (!ok.empty()) text = ok.substr(ok.rfind(' ') + 1, 1);
    std::istringstream failures(support::Families(page, "pg_tls_next_start_failure_info{"));
    for (std::string line; std::getline(failures, line);) {
      for (const char* label : {"role=\"", "path=\"", "reason=\""}) {
        const std::size_t at = line.find(label) + std::string_view(label).size();
        text += " " + line.substr(at, line.find('"', at) - at);
      }
    }
    return text + " ";
  }

  std::string loaded_ = "4102444800";  // when the server last loaded its files
  support::TestCa ca_;
  support::TestCa issuing_ = ca_.Intermediate("Issuing CA");
  support::Certificate leaf_ = issuing_.IssueForLocalhost();
  support::TempDir data_;
  WirePeer peer_{leaf_};
  Harness harness_{CertificatesCollector()};
};

}  // namespace pgtls::collectors
