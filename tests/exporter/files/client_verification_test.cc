#include "exporter/files/client_verification.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgtls::files {
namespace {

// PgBouncer has no settings that PostgreSQL's remedies fit.
TEST(ClientVerificationTest, OfAPoolerItIsNotKnown) {
  const tls::FileReport server{.role = "server", .path = "/server.crt", .problem = "permission_denied"};
  const tls::FileReport clients{.role = "ca", .path = "/clients.crt"};
  const tls::FileReport closed{.role = "ca", .path = "/servers.crt", .problem = "permission_denied"};
  EXPECT_EQ(WhyNotKnownOfPooler({server}), "");
  EXPECT_EQ(WhyNotKnownOfPooler({server, clients}), "pooler");
  EXPECT_EQ(WhyNotKnownOfPooler({server, clients, closed}), "permission_denied");
}

TEST(ClientVerificationTest, ListsThatAreNotLoadedAreLeftOut) {
  const FileSettings settings = {
      {"ssl", "on"}, {"ssl_ca_file", "/ca"}, {"ssl_crl_file", "/crl"}, {"ssl_crl_dir", "/crls"}};
  std::vector<tls::FileReport> files;
  files.push_back({.role = "ca", .path = "/ca"});
  files.push_back({.role = "crl", .path = "/crl"});
  files.push_back({.role = "crl", .path = "/crls/1a2b3c4d.r0", .server_may_read = true, .of_list_directory = true});
  ClientFiles clients = ClientFilesOf(files, settings, "pending_reload");
  EXPECT_EQ(clients.problem, "pending_reload");
  EXPECT_FALSE(clients.verification);
  ASSERT_EQ(clients.other_lists.size(), 1U);
  EXPECT_EQ(clients.other_lists[0].path, "/crls/1a2b3c4d.r0");
  clients = ClientFilesOf(files, settings, "");
  EXPECT_EQ(clients.problem, "");
  EXPECT_TRUE(clients.verification);
  files[0].problem = "missing";
  EXPECT_EQ(ClientFilesOf(files, settings, "pending_reload").problem, "missing") << "a fault of the file comes first";
}

}  // namespace
}  // namespace pgtls::files
