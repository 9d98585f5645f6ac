// The part of be_tls_init that reads no file: protocol range, groups, cipher lists.
#pragma once

#include "exporter/tls/next_start.h"

namespace pgtls::tls {

// Adds to `result` the settings that OpenSSL refuses, and those about which only the server's own library can decide.
void JudgeStartSettings(const StartInput& input, NextStart& result);

}  // namespace pgtls::tls
