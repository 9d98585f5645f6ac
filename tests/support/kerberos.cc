#include "tests/support/kerberos.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "tests/support/postgres_server.h"

namespace pgtls::support {
namespace {

constexpr const char* kRealm = "PGTLS.TEST";

}  // namespace

int GssMajor() {
  const int major = TestMajor();
  return major == 17 || major == 19 ? major : 15;
}

KerberosRealm::KerberosRealm() : port_(FreePort()) {
  const std::string dir = directory_.path();
  const std::string port = std::to_string(port_);
  const std::string realm = kRealm;
  chmod(dir.c_str(), 0755);
  directory_.Write(
      "krb5.conf",
      "[libdefaults]\n default_realm = " + realm +
          "\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
          "[realms]\n " +
          realm + " = {\n  kdc = 127.0.0.1:" + port +
          "\n }\n"
          "[domain_realm]\n localhost = " +
          realm + "\n",
      0644);
  directory_.Write("kdc.conf", "[kdcdefaults]\n kdc_listen = 127.0.0.1:" + port + "\n kdc_tcp_listen = 127.0.0.1:" +
                                   port + "\n[realms]\n " + realm + " = {\n  database_name = " + dir +
                                   "/principal\n  key_stash_file = " + dir + "/stash\n  acl_file = " + dir +
                                   "/acl\n }\n[logging]\n kdc = FILE:" + dir + "/kdc.log\n");
  const ProcessOptions with{.environment = environment()};
  MustRun({"/usr/sbin/kdb5_util", "create", "-s", "-P", "master", "-r", realm}, with);
  MustRun({"/usr/sbin/kadmin.local", "-q", "addprinc -randkey postgres/localhost"}, with);
  MustRun({"/usr/sbin/kadmin.local", "-q", "ktadd -k " + server_keytab() + " postgres/localhost"}, with);
  if (const passwd* user = getpwnam("postgres"); geteuid() == 0 && user != nullptr) {
    if (chown(server_keytab().c_str(), user->pw_uid, user->pw_gid) != 0)
      throw std::runtime_error("cannot give the keytab away");
  }
  kdc_ = std::make_unique<Process>(std::vector<std::string>{"/usr/sbin/krb5kdc", "-n"}, with);
  const bool up = WaitUntil([&] {
    return kdc_->ExitCode() || kdc_->Err().find("starting") != std::string::npos ||
           kdc_->Out().find("starting") != std::string::npos;
  });
  if (!up || kdc_->ExitCode()) throw std::runtime_error("krb5kdc does not start: " + kdc_->Out() + kdc_->Err());
}

std::map<std::string, std::string> KerberosRealm::environment() const {
  const std::string dir = directory_.path();
  return {{"KRB5_CONFIG", dir + "/krb5.conf"},
          {"KRB5_KDC_PROFILE", dir + "/kdc.conf"},
          {"KRB5CCNAME", "FILE:" + dir + "/tickets"},
          {"KRB5RCACHETYPE", "none"}};
}

void KerberosRealm::SetEnvironment() const {
  for (const auto& [name, value] : environment()) setenv(name.c_str(), value.c_str(), 1);
}

void KerberosRealm::LogIn(const std::string& principal) const {
  const ProcessOptions with{.environment = environment()};
  if (RunProcess({"/usr/sbin/kadmin.local", "-q", "addprinc -pw secret " + principal}, with).exit_code != 0) {
    throw std::runtime_error("kadmin.local fails");
  }
  MustRun({"kinit", principal}, {.environment = environment(), .input = "secret\n"});
}

}  // namespace pgtls::support
