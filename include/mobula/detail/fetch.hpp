#pragma once

/// Values that are elsewhere: brought to this process before they are read.

#include "mobula/backend/backend.hpp"
#include "mobula/detail/value_record.hpp"

namespace mobula::detail {

/// What is settled when the value of `one`, which was elsewhere, is here, or it has failed.
inline record_ptr start_fetch(backend& host, record& one) {
  record_ptr here = make_pending<void>(one.epoch(), gate_record);
  try {
    host.fetch(one, here);
  } catch (...) {
    here->end_producing();
    throw;
  }
  return here;
}

/// The value of a settled record is here, or the record has failed, when it returns true. False:
/// the deadline came first. One that has passed already does not count: what is there is brought.
inline bool fetch(backend& host, record& one, clock::time_point deadline) {
  while (one.is_elsewhere()) {
    const record_ptr here = start_fetch(host, one);
    const bool is_late = deadline <= host.now();
    if (!host.await(*here, is_late ? clock::time_point::max() : deadline)) return false;
    if (failure* const why = here->failed()) why->raise();
  }
  return true;
}

}  // namespace mobula::detail
