// Reads what a server answered into the types of exporter/hba.
#pragma once

#include <asio/awaitable.hpp>
#include <string>
#include <variant>
#include <vector>

#include "collectors/hba_answers.h"
#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/files/hba_files.h"
#include "exporter/hba/in_force.h"
#include "exporter/hba/posture.h"
#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct HbaReading {
  bool has_rules = false;             // else the role may not see any, and all but `incomplete` is empty
  hba::FileView view;                 // with the times that SQL shows
  std::vector<files::HbaFile> files;  // empty where they are not visible
  bool has_raw_text = false;
  hba::Catalog catalog;
  bool catalog_complete = false;  // else the cluster is too large to be judged
  hba::RegexAnswers regexes;
  hba::Abilities abilities;
  bool knows_options = false;
  // Or why they are not known, where that matters: a reason of the part ident_maps.
  std::variant<hba::IdentMaps, std::string> maps;
  std::vector<sampling::IncompletePart> incomplete;
};

struct HbaQuestion {
  // More names to ask regular expressions about, beside the roles and databases that exist.
  std::vector<std::string> names;
  // Rules beside those of the file whose regular expressions are asked about; may be null.
  const hba::RuleSet* also = nullptr;
};

// Asks what follows from the answers (regular expressions), and again for what has none. On the fresh session that
// gave them. Throws DbError and TimeoutError.
asio::awaitable<HbaReading> ReadHba(db::Session& session, HbaAnswers answers, HbaQuestion question, Deadline deadline);

}  // namespace pgtls::collectors
