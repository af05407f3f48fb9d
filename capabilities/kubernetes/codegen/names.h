// Names in generated clients.
#pragma once

#include <string>
#include <string_view>

namespace berth::kubernetes::codegen {

// "podIPs" -> "pod_ips", "$ref" -> "ref", "x-kubernetes-map-type" -> "x_kubernetes_map_type". A keyword, or
// what a view's own methods are called, gets a _ behind it.
[[nodiscard]] std::string cpp_method(std::string_view json);
// "podIPs" -> "PodIPs", "x-kubernetes-map-type" -> "XKubernetesMapType".
[[nodiscard]] std::string go_method(std::string_view json);
// Letters, digits and _ of the text, beginning with a capital letter.
[[nodiscard]] std::string type_name(std::string_view text);
// "conditions" -> "condition", "policies" -> "policy": what one of a list is called.
[[nodiscard]] std::string singular(std::string_view plural);
// "ClusterOperator" from the plural alone is not known: "clusteroperators" and the kind give
// "cluster_operators" and "ClusterOperators".
[[nodiscard]] std::string plural_of_kind(std::string_view kind, std::string_view plural);

}  // namespace berth::kubernetes::codegen
