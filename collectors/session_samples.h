// The samples of the sessions collector: the descriptors, and what has been counted as series.
#pragma once

#include <array>
#include <cstddef>

#include "exporter/config/policy.h"
#include "exporter/metrics/desc.h"
#include "exporter/metrics/sink.h"
#include "exporter/sessions/count.h"
#include "exporter/sessions/established.h"
#include "exporter/sessions/exemptions.h"
#include "exporter/sessions/session_counter.h"
#include "exporter/sessions/summary.h"

namespace pgtls::collectors {

extern const std::array<const metrics::Desc*, 19> kSessionDescs;

// Which series each metric of one server has. Kept from one collection to the next.
struct SessionCaps {
  metrics::SeriesCap<sessions::ConnectionKey> connections;
  metrics::SeriesCap<sessions::UnencryptedKey> unencrypted;
  metrics::SeriesCap<sessions::CipherKey> ciphers;
  metrics::SeriesCap<sessions::ClientCertificateKey> client_certificates;
  metrics::SeriesCap<sessions::ViolationKey> violations;
  metrics::SeriesCap<sessions::ExemptedKey> exempted;
};

// Adds all series but those of exemptions, and returns the fact that says the same. At most `max_series` of each metric
// keep their names. `shows_authenticating`: the server shows sessions before their authentication is over.
sessions::Summary RenderSessions(const sessions::Counts& counts, const sessions::SessionCounter& counter,
                                 bool shows_authenticating, std::size_t max_series, SessionCaps& caps,
                                 metrics::Sink& sink);

// How many sessions there were, and how many of them were seen. REQUIRES: `counter` has read statistics.
void RenderEstablished(const sessions::EstablishedCounter& counter, metrics::Sink& sink);

// The connections that each exemption in force allows, and when the policy's exemptions end.
void RenderExemptions(const config::Policy& policy, const sessions::Exemptions& exemptions,
                      const sessions::Counts& counts, std::size_t max_series, SessionCaps& caps, metrics::Sink& sink);

}  // namespace pgtls::collectors
