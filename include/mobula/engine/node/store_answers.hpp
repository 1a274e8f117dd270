#pragma once

/// What a store says to those who write and read.

#include <cstdint>
#include <string>
#include <utility>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/stored_object.hpp"

namespace mobula::engine {

inline std::string byte_count(std::uint64_t count) { return std::to_string(count) + " bytes"; }
inline error_fields store_error(error_code code, object_key key, const std::string& why) {
  error_fields made;
  made.code = code;
  made.what = "object " + to_string(key) + " in the store: " + why;
  return made;
}

class store_answers {
 public:
  explicit store_answers(node_host& host) : host_(host) {}

  void created(party to, object_key key, store_status how, error_fields why = {}) {
    host_.send(to, message(object_created{key, how, std::move(why)}));
  }
  /// To a process, or to another node.
  void pinned(const object_pin& pin, store_status how, error_fields why = {}) {
    const party to = pin.reader->who;
    if (pin.transfer == 0) return pinned(to, pin.object->key, how, std::move(why));
    fetched(to, {pin.object->key, pin.transfer, how, {}, 0, std::move(why)});
  }
  void pinned(party to, object_key key, store_status how, error_fields why = {}) {
    host_.send(to, message(object_pinned{key, how, std::move(why)}));
  }
  void fetched(party to, fetch_answer what) { host_.send(to, message(std::move(what))); }

 private:
  node_host& host_;
};

}  // namespace mobula::engine
