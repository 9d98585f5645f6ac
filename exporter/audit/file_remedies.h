// What to do about a certificate file that cannot be used, by its role and the reason.
#pragma once

#include <string>
#include <string_view>

#include "exporter/audit/words.h"

namespace pgtls::audit {

// Of tls::FileReport::role. Empty for another text.
std::string_view SettingOfRole(std::string_view role, const Words& words = kWordsOfPostgres);
// Of tls::FileReport::problem. Empty for another text.
std::string FileRemedy(std::string_view role, std::string_view problem, const std::string& path,
                       const Words& words = kWordsOfPostgres);
// The same of ssl_crl_dir and the files in it.
std::string ListDirectoryRemedy(std::string_view problem, const std::string& path);

}  // namespace pgtls::audit
