// Several functions as one, for std::visit: `std::visit(Overloaded{[](int) {..}, [](double) {..}}, variant)`.
#pragma once

namespace tocsin {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace tocsin
