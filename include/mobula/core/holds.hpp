#pragma once

/// The condition of a `static_assert` of which a person is to read the sentence alone.

namespace mobula::detail {

/// clang prints a condition that depends on types before the sentence, with all names in it; of a
/// concept it prints nothing there.
template <bool Condition>
concept holds = Condition;

}  // namespace mobula::detail
