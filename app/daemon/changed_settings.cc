#include "app/daemon/changed_settings.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace tocsin::app {
namespace {

void flatten(const nlohmann::json& json, const std::string& path, std::map<std::string, std::string>& out) {
  if (!json.is_object()) {
    out[path] = json.dump();
    return;
  }
  for (const auto& [name, value] : json.items()) flatten(value, path.empty() ? name : path + "." + name, out);
}

}  // namespace

std::vector<std::string> changed_settings(const std::string& before, const std::string& now) {
  std::map<std::string, std::string> was, is;
  flatten(nlohmann::json::parse(before)["values"], {}, was);
  flatten(nlohmann::json::parse(now)["values"], {}, is);
  std::set<std::string> out;
  for (const auto& [path, value] : was)
    if (const auto at = is.find(path); at == is.end() || at->second != value) out.insert(path);
  for (const auto& [path, value] : is)
    if (!was.contains(path)) out.insert(path);
  return {out.begin(), out.end()};
}

}  // namespace tocsin::app
