#include "exporter/sessions/client_certificates.h"

#include <algorithm>
#include <utility>

namespace pgtls::sessions {

void ClientCertificateHistory::Collected(std::int64_t now_us) {
  before_ = now_;
  now_ = std::chrono::sys_seconds(std::chrono::floor<std::chrono::seconds>(std::chrono::microseconds(now_us)));
}

std::shared_ptr<const ClientCertificates> ClientCertificateHistory::Read(const Snapshot& snapshot) {
  // What is closed by now was still open at the collection before.
  for (auto& [certificate, use] : uses_) {
    if (use.connections > 0) use.last_seen = before_;
    use.connections = 0;
    use.addresses.clear();
  }
  for (int row = 0; row < snapshot.size(); ++row) {
    const auto session = snapshot.At(row);
    if (!session || session->authenticating || !session->client_certificate) continue;
    Use& use = uses_[{std::string(session->user), std::string(session->client_dn), std::string(session->issuer_dn),
                      std::string(session->client_serial)}];
    ++use.connections;
    use.last_seen = now_;
    std::string address(session->client_addr);
    const bool is_new = std::ranges::find(use.addresses, address) == use.addresses.end();
    if (is_new && use.addresses.size() < kMostAddresses) use.addresses.push_back(std::move(address));
  }
  ForgetOldest();
  auto read = std::make_shared<ClientCertificates>();
  for (const auto& [certificate, use] : uses_) {
    read->uses.push_back({certificate, use.connections, use.addresses, use.last_seen});
  }
  if (published_ == nullptr || published_->uses != read->uses) published_ = std::move(read);
  return published_;
}

void ClientCertificateHistory::ForgetOldest() {
  std::vector<std::pair<std::chrono::sys_seconds, const ClientCertificate*>> past;
  for (const auto& [certificate, use] : uses_) {
    if (use.connections == 0) past.emplace_back(use.last_seen, &certificate);
  }
  if (past.size() <= kMostPastCertificates) return;
  std::ranges::sort(past);
  past.resize(past.size() - kMostPastCertificates);
  for (const auto& [last_seen, certificate] : past) {
    const ClientCertificate oldest = *certificate;
    uses_.erase(oldest);
  }
}

}  // namespace pgtls::sessions
