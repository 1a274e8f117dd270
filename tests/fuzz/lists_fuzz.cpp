// Goal: no bytes make the reading of a machine list crash, run away or make much of little, and
// what is read means the same when it is written out again. Method: the first byte of an input
// chooses what reads the rest: a list in a file, an argument, or a batch system's variable; lists
// have small limits, so that a small input can reach them.
//
// The corpus began with tests/lists/: with MOBULA_WRITE_SEEDS=folder and MOBULA_LISTS=tests/lists
// they are written.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tools/mobula/show.hpp"
#include "tools/mobula/text.hpp"
#include "tools/support.hpp"

namespace {

using namespace mobula::launcher;
using test_support::machine_with;

enum class reader : std::uint8_t {
  file,
  argument,
  slurm,
  slurm_counts,
  pbs,
  lsf,
  lsf_numbers,
  sge
};
constexpr std::uint8_t readers = 8;

bool write_seeds() {
  const char* const folder = std::getenv("MOBULA_WRITE_SEEDS");
  const char* const lists = std::getenv("MOBULA_LISTS");
  if (folder == nullptr || lists == nullptr) return true;
  for (const auto& entry : std::filesystem::directory_iterator(lists)) {
    const std::string kind = entry.path().extension().string();
    std::ifstream in(entry.path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    reader by = reader::file;
    if (kind == ".inline") {
      by = reader::argument;
    } else if (kind == ".variables") {
      by = text.starts_with("LSB_H")                 ? reader::lsf
           : text.starts_with("LSB_M")               ? reader::lsf_numbers
           : text.find("TASKS") != std::string::npos ? reader::slurm_counts
                                                     : reader::slurm;
      // The last variable's value.
      text = text.substr(text.rfind('=') + 1);
      if (text.ends_with('\n')) text.pop_back();
    } else if (kind != ".list") {
      continue;
    }
    std::ofstream out(std::string(folder) + "/" + entry.path().stem().string(), std::ios::binary);
    out << static_cast<char>(by) << text;
  }
  return true;
}

void demand(bool that) {
  if (!that) std::abort();
}

found_list read(reader by, const std::string& text, const list_limits& limits) {
  switch (by) {
    case reader::file:
      return find_list("list", machine_with({}, {{"list", text}}), limits);
    case reader::argument:
      return find_list(text, machine_with({}), limits);
    case reader::slurm:
      return find_list({}, machine_with({{"SLURM_JOB_NODELIST", text}}), limits);
    case reader::slurm_counts:
      return find_list(
          {}, machine_with({{"SLURM_JOB_NODELIST", "n[1-4]"}, {"SLURM_TASKS_PER_NODE", text}}),
          limits);
    case reader::pbs:
      return find_list({}, machine_with({{"PBS_NODEFILE", "list"}}, {{"list", text}}), limits);
    case reader::lsf:
      return find_list({}, machine_with({{"LSB_HOSTS", text}}), limits);
    case reader::lsf_numbers:
      return find_list({}, machine_with({{"LSB_MCPU_HOSTS", text}}), limits);
    case reader::sge:
      return find_list({}, machine_with({{"PE_HOSTFILE", "list"}}, {{"list", text}}), limits);
  }
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool seeds_are_written = write_seeds();
  (void)seeds_are_written;
  if (size == 0) return 0;
  const auto by = static_cast<reader>(data[0] % readers);
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  list_limits limits;
  limits.text_bytes_max = 4000;
  limits.hosts_max = 200;
  limits.namings_max = 1000;
  limits.expanded_bytes_max = 200'000;
  const found_list found = read(by, text, limits);
  const host_list& list = found.list;

  demand(list.hosts.size() <= limits.hosts_max);
  demand(list.faults.size() <= limits.remarks_max && list.notices.size() <= limits.remarks_max);
  for (const remark& one : list.faults) {
    demand(!one.what.empty() && !one.help.empty() && one.line >= 1 && one.column >= 1);
    demand(is_printable(one.what) && is_printable(one.help) && is_printable(one.text));
    demand(one.caret <= characters_in(one.text));
  }
  // What is printed is text, whatever the list was.
  const std::string json = hosts_json(found);
  for (std::size_t begin = 0; begin < json.size();) {
    const std::size_t end = json.find('\n', begin);
    demand(end != std::string::npos);
    std::string line = json.substr(begin, end - begin);
    demand(line.find('\t') == std::string::npos);
    for (std::size_t at = 0; at < line.size();) {
      const character next = first_character(std::string_view(line).substr(at));
      demand(next.valid && next.code >= 0x20);
      at += next.size;
    }
    begin = end + 1;
  }
  if (!found.missing.empty() || !list.faults.empty()) return 0;

  const std::string table = hosts_table(found, {});
  for (std::size_t begin = 0; begin < table.size();) {
    const std::size_t end = table.find('\n', begin);
    demand(end != std::string::npos && is_printable(table.substr(begin, end - begin)));
    begin = end + 1;
  }
  // Its limits are the list's own, but for what it has to write more.
  list_options again;
  again.limits = limits;
  again.limits.text_bytes_max = 1'000'000;
  const host_list same = read_list(test_support::written_out(list.hosts), again);
  demand(same.faults.empty());
  demand(test_support::mean_the_same(list.hosts, same.hosts));
  return 0;
}
