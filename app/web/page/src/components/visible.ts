import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** Whether an element is on the screen, or nearly. */
export function useVisible<T extends Element>() {
  const ref = useRef<T>(null);
  const visible = useSignal(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new IntersectionObserver((entries) => (visible.value = entries.at(-1)?.isIntersecting ?? false), { rootMargin: "200px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, visible };
}
