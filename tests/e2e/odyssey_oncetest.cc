// Another pooler than PgBouncer: its console shows nobody's encryption, and its port is checked like any other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/e2e/exporter.h"
#include "tests/support/certificates.h"
#include "tests/support/client.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace pgtls::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Has only its console, with TLS, for anybody.
class Odyssey {
 public:
  explicit Odyssey(const support::Certificate& certificate) {
    chmod(files_.path().c_str(), 0777);
    const std::string config = files_.Write(
        "odyssey.conf",
        "daemonize no\nlog_to_stdout yes\nlog_format \"%m\\n\"\nworkers 1\nunix_socket_dir \"" + files_.path() +
            "\"\nunix_socket_mode \"0644\"\nlisten {\n host \"127.0.0.1\"\n port " + std::to_string(port_) +
            "\n tls \"allow\"\n tls_cert_file \"" + files_.Write("server.crt", certificate.chain, 0644) +
            "\"\n tls_key_file \"" + files_.Write("server.key", certificate.key, 0644) +
            "\"\n}\nstorage \"local\" { type \"local\" }\ndatabase \"console\" { user default { authentication "
            "\"none\" role \"admin\" pool \"session\" storage \"local\" } }\n",
        0644);
    const std::string fetched =
        support::MustRun({std::string(PGTLS_SUPPORT_DIR) + "/fetch-debian.sh", "sid", "odyssey"});
    process_ = std::make_unique<support::Process>(
        std::vector<std::string>{fetched.substr(0, fetched.find('\n')) + "/usr/bin/odyssey", config},
        support::ProcessOptions{.user = "postgres", .directory = "/"});
    const bool ready =
        support::WaitUntil([&] { return process_->ExitCode() || !support::Client::WhyNot(Conninfo("require")); });
    if (!ready || process_->ExitCode()) throw std::runtime_error("Odyssey does not start: " + process_->Err());
  }
  std::string Conninfo(const std::string& sslmode) const {
    return "host=localhost hostaddr=127.0.0.1 port=" + std::to_string(port_) +
           " dbname=console user=tls_exporter sslmode=" + sslmode;
  }

 private:
  const support::TempDir files_;
  const int port_ = support::FreePort();
  std::unique_ptr<support::Process> process_;
};

TEST(OdysseyTest, IsCheckedOnTheWireOnly) {
  const support::TestCa ca;
  const Odyssey odyssey(ca.IssueForLocalhost());
  const support::TempDir files;
  const std::string conninfo = odyssey.Conninfo("verify-full sslrootcert=" + files.Write("ca.crt", ca.certificate()));
  const std::string config = "--config.file=" + files.Write("config.yml", Config({{"pool", conninfo}}));
  const std::string page = RunExporter({"collect", config}).out;
  EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"pool\"} 1")) << page;
  EXPECT_TRUE(HasLine(page, "pg_tls_ssl_request_answer{server=\"pool\",answer=\"S\"} 1")) << page;
  EXPECT_THAT(page, HasSubstr("pg_tls_certificate_not_after_timestamp_seconds{server=\"pool\",source=\"served\""));
  // Nobody is shown, and nobody is not 0.
  EXPECT_THAT(page, AllOf(Not(HasSubstr("pg_tls_connections")), Not(HasSubstr("pg_tls_unencrypted")),
                          Not(HasSubstr("pg_tls_collector_failure_info")), Not(HasSubstr("collector=\"sessions\""))));
  EXPECT_THAT(RunExporter({"check", config}).out,
              AllOf(HasSubstr("the sessions collector has nothing to check on a pooler other than PgBouncer (Odyssey"),
                    HasSubstr("pool (pooler 1."), Not(HasSubstr("[no_login]")), Not(HasSubstr("[collector_failed]"))));
}

}  // namespace
}  // namespace pgtls::e2e
