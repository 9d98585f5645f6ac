// Nothing ever asks on the terminal: a client key that needs a passphrase is a failure that names the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Runs a program on a terminal of its own until a text is there, then ends it as its user would: "int" types Ctrl-C,
// "term" sends SIGTERM, "alone" waits for its own end. Prints what stood on the terminal; 99 where the text, or the
// end, did not come.
constexpr const char* kOnATerminal = R"(
import os, pty, select, signal, sys, time
how, wanted, program = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0: os.execv(program[0], program)
shown, asked, limit = b'', False, time.monotonic() + 100
while time.monotonic() < limit:
    if wanted in shown and not asked:
        asked = True
        if how == 'int': os.write(terminal, b'\x03')
        if how == 'term': os.kill(pid, signal.SIGTERM)
    if not select.select([terminal], [], [], 1)[0]: continue
    try: data = os.read(terminal, 65536)
    except OSError: data = b''
    if not data: break
    shown += data
else:
    os.kill(pid, signal.SIGKILL)
asked = asked or wanted in shown
sys.stdout.write(shown.decode(errors='replace'))
status = os.waitpid(pid, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if asked and os.WIFEXITED(status) else 99)
)";

support::ProcessResult OnATerminal(const std::string& how, const std::string& wanted,
                                   const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"python3", "-c", kOnATerminal, how, wanted, PGTLS_EXPORTER};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return support::RunProcess(command, {.environment = Environment()}, std::chrono::seconds(120));
}

class PassphraseTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    const support::Certificate client = ca_.Issue({.common_name = "tls_exporter"});
    certificate_ = files_.Write("client.crt", client.chain);
    const std::string plain = files_.Write("plain.key", client.key);
    key_ = files_.path() + "/encrypted.key";
    support::MustRun({"openssl", "pkey", "-in", plain, "-aes256", "-passout", "pass:secret", "-out", key_});
    support::MustRun({"chmod", "600", key_});
  }
  std::string Dsn(const std::string& more) const {
    return "--dsn=" + server_.Conninfo("user=tls_exporter sslmode=require sslcert=" + certificate_ + " sslkey=" + key_ +
                                       " " + more);
  }

  TempDir files_;
  support::TestCa ca_;
  support::PostgresServer server_{
      {.tls = support::ServerTls{.server = ca_.IssueForLocalhost(), .client_ca = ca_.certificate()}}};
  std::string certificate_;
  std::string key_;
};

TEST_F(PassphraseTest, AServiceWithoutOneSaysSoAndEnds) {
  for (const char* how : {"term", "int"}) {
    const auto result =
        OnATerminal(how, "reason=tls", {Dsn(""), "--web.listen-address=127.0.0.1:0", "--log.level=info"});
    EXPECT_EQ(result.exit_code, 0) << result.out;
    EXPECT_THAT(result.out, AllOf(HasSubstr(key_), HasSubstr("has no sslpassword"), Not(HasSubstr("PEM pass phrase"))));
  }
}

TEST_F(PassphraseTest, AWrongOneIsAFailureToo) {
  const auto result =
      OnATerminal("term", "collection failed", {Dsn("sslpassword=wrong"), "--web.listen-address=127.0.0.1:0"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr(key_), Not(HasSubstr("PEM pass phrase")), Not(HasSubstr("wrong"))));
}

TEST_F(PassphraseTest, TheRightOneIsUsed) {
  const auto result = RunExporter({"collect", Dsn("sslpassword=secret")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("} 1\n"));
}

// A file that no reader of ours should ask about: an encrypted block where certificates are expected.
TEST_F(PassphraseTest, ARootFileWithAnEncryptedBlockAsksNobody) {
  const std::string roots = files_.Write(
      "roots.crt",
      "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n"
      "MIIBAAAA\n-----END CERTIFICATE-----\n");
  const auto result =
      OnATerminal("int", "collection failed",
                  {"--dsn=" + server_.Conninfo("user=tls_exporter sslmode=verify-ca sslrootcert=" + roots),
                   "--web.listen-address=127.0.0.1:0"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr(roots), Not(HasSubstr("PEM pass phrase"))));
}

// The web's own key.
TEST_F(PassphraseTest, AWebKeyWithOneIsRefusedAtTheStart) {
  const std::string web =
      files_.Write("web.yml", "tls_server_config: {cert_file: client.crt, key_file: encrypted.key}\n");
  const auto result =
      OnATerminal("alone", "the private key is encrypted",
                  {"--dsn=host=127.0.0.1 port=1", "--web.config.file=" + web, "--web.listen-address=127.0.0.1:0"});
  EXPECT_EQ(result.exit_code, 2) << result.out;
  EXPECT_THAT(result.out, Not(HasSubstr("PEM pass phrase")));
}

}  // namespace
}  // namespace pgtls::e2e
