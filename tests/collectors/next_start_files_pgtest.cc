// Whether the next start reaches the files: owners, modes, directories and links on the way.
#include <grp.h>

#include "tests/collectors/next_start_cases.h"

namespace pgtls::collectors {
namespace {

TEST_F(NextStartPgTest, KeyOwnersAndModes) {
  const std::string key = Path("server.key");
  const std::pair<uid_t, gid_t> owners[] = {
      {postgres_, postgres_group_}, {0, 0}, {0, postgres_group_}, {1, postgres_group_}};
  for (const auto& [user, group] : owners) {
    for (const mode_t mode : {0600u, 0640u, 0660u, 0400u, 0440u, 0604u, 0200u, 0000u, 0700u}) {
      Case("key of " + std::to_string(user) + ":" + std::to_string(group) + " mode " + std::to_string(mode),
           [&] { Own(key, user, group, mode); });
    }
  }
  EXPECT_EQ(decided_, IsComplete() ? 36 : 9);
}

TEST_F(NextStartPgTest, DirectoriesGroupsAndLinksOnTheWay) {
  const std::string way = server_.socket_dir() + "/way";
  const auto key_below = [&](uid_t user, gid_t group, mode_t mode) {
    std::filesystem::create_directories(way + "/private");
    support::WriteFile(way + "/private/server.key", good_.key, 0640);
    Own(way + "/private/server.key", 0, postgres_group_, 0640);
    Own(way + "/private", user, group, mode);
    Own(way, 0, 0, 0755);
    Set("ssl_key_file = '" + way + "/private/server.key'");
  };
  Case("root's closed directory", [&] { key_below(0, 0, 0700); });
  Case("root's directory, searchable", [&] { key_below(0, 0, 0711); });
  Case("a directory of the server's group", [&] { key_below(0, postgres_group_, 0710); });
  Case("a group without search", [&] { key_below(0, postgres_group_, 0740); });
  Case("others may, the server's group may not", [&] { key_below(0, postgres_group_, 0705); });
  Case("its own directory, closed to itself", [&] { key_below(postgres_, postgres_group_, 0077); });
  // As Debian's /etc/ssl/private: a group that the server is in by the user database.
  gid_t other_group = 0;
  int count = 64;
  std::vector<gid_t> groups(64);
  getgrouplist("postgres", postgres_group_, groups.data(), &count);
  for (int i = 0; i < count; ++i) {
    if (groups[static_cast<std::size_t>(i)] != postgres_group_) other_group = groups[static_cast<std::size_t>(i)];
  }
  ASSERT_NE(other_group, 0u) << "postgres is in no second group (ssl-cert)";
  Case("a directory of a second group", [&] { key_below(0, other_group, 0710); });
  Case("a key of a second group", [&] {
    key_below(0, other_group, 0710);
    Own(way + "/private/server.key", 0, other_group, 0640);
  });
  Case("a link to a closed directory", [&] {
    key_below(0, 0, 0700);
    Set("ssl_key_file = 'server.key'");
    std::filesystem::remove(Path("server.key"));
    std::filesystem::create_symlink(way + "/private/server.key", Path("server.key"));
  });
  Case("a relative link to a good key", [&] {
    std::filesystem::rename(Path("server.key"), Path("real.key"));
    std::filesystem::create_symlink("../data/./real.key", Path("server.key"));
  });
  Case("a dangling link", [&] {
    std::filesystem::remove(Path("server.key"));
    std::filesystem::create_symlink("nowhere", Path("server.key"));
  });
  Case("a loop of links", [&] {
    std::filesystem::remove(Path("server.crt"));
    std::filesystem::create_symlink("server.crt", Path("server.crt"));
  });
  Case("somebody's link in a shared directory", [&] {
    std::filesystem::create_directories(way);
    Own(way, 0, 0, 01777);
    std::filesystem::create_symlink(Path("server.key"), way + "/link.key");
    ASSERT_EQ(lchown((way + "/link.key").c_str(), 1, 1), 0);
    Set("ssl_key_file = '" + way + "/link.key'");
  });
  for (const char* file : {"server.crt", "root.crt", "root.crl"}) {
    Case(std::string(file) + " of root", [&] { Own(Path(file), 0, 0, 0600); });
    Case(std::string(file) + " of root, readable", [&] { Own(Path(file), 0, 0, 0644); });
  }
  Case("a file as a directory", [&] { Set("ssl_ca_file = 'root.crt/ca.crt'"); });
  Case("nothing there", [&] { std::filesystem::remove(Path("server.key")); });
  Case("no certificate there", [&] { std::filesystem::remove(Path("server.crt")); });
  Case("a directory", [&] {
    std::filesystem::remove(Path("server.crt"));
    std::filesystem::create_directory(Path("server.crt"));
    Own(Path("server.crt"), postgres_, postgres_group_, 0755);
  });
  Case("a directory as key", [&] {
    std::filesystem::remove(Path("server.key"));
    std::filesystem::create_directory(Path("server.key"));
    Own(Path("server.key"), postgres_, postgres_group_, 0700);
  });
  Case("a FIFO as key", [&] {
    std::filesystem::remove(Path("server.key"));
    ASSERT_EQ(mkfifo(Path("server.key").c_str(), 0600), 0);
    Own(Path("server.key"), postgres_, postgres_group_, 0600);
  });
  Case("/dev/null as certificate", [&] { Set("ssl_cert_file = '/dev/null'"); });
  Case("/dev/null as CRL", [&] { Set("ssl_crl_file = '/dev/null'"); });
}

// Somebody else's data directory at the server's path, as a sidecar sees it that shares the socket alone.
TEST_F(NextStartPgTest, AnotherFileSystemIsNotJudged) {
  const auto seen = [&] {
    const sampling::Output output = harness_.Collect();
    std::string text = output.facts.Get<tls::CertificateInventory>()->key ? "key " : "";
    for (const auto& file : output.facts.Get<tls::CertificateInventory>()->files) text += file.role + " ";
    for (const auto& [part, reason, detail] : output.incomplete) {
      if (part == "files") text += part + ":" + reason + " ";
    }
    return text;
  };
  EXPECT_EQ(seen(), "key server ca crl ");
  harness_.options<CertificatesOptions>().read_via = ReadVia::kLocal;
  const std::string aside = server_.data_dir() + ".aside";
  std::filesystem::rename(server_.data_dir(), aside);
  std::filesystem::create_directory(server_.data_dir());
  EXPECT_EQ(seen(), "files:other_file_system ");
  std::filesystem::remove(server_.data_dir());
  std::filesystem::rename(aside, server_.data_dir());
  EXPECT_EQ(seen(), "key server ca crl ");
}

}  // namespace
}  // namespace pgtls::collectors
