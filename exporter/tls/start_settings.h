// The part of be_tls_init that reads no file: protocol range, groups, cipher lists.
#pragma once

#include "exporter/tls/next_start.h"

namespace pgtls::tls {

// Adds what OpenSSL refuses, or what only the server's own library knows, to `result`.
void JudgeStartSettings(const StartInput& input, NextStart& result);

}  // namespace pgtls::tls
